#include "data/synthetic.h"

#include <algorithm>
#include <limits>
#include <stdexcept>

#include <gtest/gtest.h>

namespace resnext::data {
namespace {

StoredSample sample_of(ImageSource& source, std::size_t index) {
  StoredSample sample;
  source.read(index, sample);
  return sample;
}

TEST(Synthetic, DescribesItself) {
  const auto source =
      make_synthetic({.size = 100, .classes = 3, .height = 20, .width = 24, .channels = 1});
  const DatasetInfo& info = source->info();
  EXPECT_EQ(info.name, "synthetic");
  EXPECT_EQ(info.size, 100u);
  EXPECT_EQ(info.class_names, (std::vector<std::string>{"class0", "class1", "class2"}));
  EXPECT_EQ(info.encoding, Encoding::kRaw);
  EXPECT_EQ(info.height, 20);
  EXPECT_EQ(info.width, 24);
  EXPECT_EQ(info.channels, 1);
  EXPECT_EQ(sample_of(*source, 5).bytes.size(), 20u * 24u);
}

TEST(Synthetic, IdentityNamesTheOptions) {
  const SyntheticOptions base;
  const auto identity = [](const SyntheticOptions& options) {
    return make_synthetic(options)->info().identity;
  };
  EXPECT_EQ(identity(base), identity(base));
  for (const SyntheticOptions& other :
       {SyntheticOptions{.size = 4097}, SyntheticOptions{.classes = 11},
        SyntheticOptions{.height = 33}, SyntheticOptions{.width = 33},
        SyntheticOptions{.channels = 1}, SyntheticOptions{.seed = 1}})
    EXPECT_NE(identity(other), identity(base));
}

TEST(Synthetic, ImagesAreAFunctionOfSeedAndIndex) {
  const auto source = make_synthetic({}), same = make_synthetic({}),
             other = make_synthetic({.seed = 1});
  const StoredSample sample = sample_of(*source, 17);
  sample_of(*same, 3);
  EXPECT_EQ(sample_of(*same, 17).bytes, sample.bytes);
  EXPECT_NE(sample_of(*source, 27).bytes, sample.bytes);  // of the same class
  EXPECT_NE(sample_of(*other, 17).bytes, sample.bytes);
  EXPECT_EQ(sample_of(*other, 17).label, sample.label);
}

// Another compiler or machine must make these bytes, too: checkpoints and results refer to them.
TEST(Synthetic, BytesArePinned) {
  const auto source = make_synthetic({});
  std::uint64_t hash = 14695981039346656037u;  // FNV-1a
  for (std::size_t i = 0; i < 20; ++i)
    for (const std::uint8_t byte : sample_of(*source, i).bytes)
      hash = (hash ^ byte) * 1099511628211u;
  EXPECT_EQ(hash, 9614260073468095004u);
}

TEST(Synthetic, ClassesAreBalanced) {
  const auto source = make_synthetic({.size = 1000, .classes = 7});
  std::vector<int> counts(7);
  for (std::size_t i = 0; i < 1000; ++i) ++counts.at(sample_of(*source, i).label);
  for (const int count : counts) EXPECT_NEAR(count, 1000 / 7, 1);
}

// The mean image of each class in one set tells the classes of a set of another seed.
TEST(Synthetic, ClassesCanBeLearned) {
  for (const int channels : {1, 3}) {
    const auto train = make_synthetic({.size = 1000, .channels = channels});
    const auto test = make_synthetic({.size = 500, .channels = channels, .seed = 1});
    const std::size_t bytes = std::size_t(32) * 32 * channels;
    std::vector<std::vector<double>> means(10, std::vector<double>(bytes));
    for (std::size_t i = 0; i < 1000; ++i) {
      const StoredSample sample = sample_of(*train, i);
      for (std::size_t b = 0; b < bytes; ++b) means[sample.label][b] += sample.bytes[b] / 100.0;
    }
    int right = 0;
    for (std::size_t i = 0; i < 500; ++i) {
      const StoredSample sample = sample_of(*test, i);
      int best = -1;
      double least = std::numeric_limits<double>::max();
      for (int label = 0; label < 10; ++label) {
        double distance = 0;
        for (std::size_t b = 0; b < bytes; ++b)
          distance += (means[label][b] - sample.bytes[b]) * (means[label][b] - sample.bytes[b]);
        if (distance < least) {
          least = distance;
          best = label;
        }
      }
      right += best == sample.label;
    }
    EXPECT_GT(right, 400);
  }
}

TEST(Synthetic, RefusesWhatMakesNoImages) {
  EXPECT_THROW(make_synthetic({.classes = 0}), std::invalid_argument);
  EXPECT_THROW(make_synthetic({.height = 0}), std::invalid_argument);
  EXPECT_THROW(make_synthetic({.channels = 2}), std::invalid_argument);
  const auto source = make_synthetic({.size = 10});
  StoredSample sample;
  EXPECT_THROW(source->read(10, sample), std::out_of_range);
}

}  // namespace
}  // namespace resnext::data
