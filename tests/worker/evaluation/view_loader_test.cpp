#include "worker/evaluation/view_loader.h"

#include <atomic>
#include <numeric>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace resnext::worker {
namespace {

/// Grey images of 4 x 4 whose pixels are the sample's number.
class Numbers : public data::ImageSource {
 public:
  explicit Numbers(std::size_t size, std::size_t bad = SIZE_MAX) : bad_(bad) {
    info_.name = "numbers";
    info_.size = size;
    info_.height = info_.width = 4;
    info_.channels = 1;
  }
  const data::DatasetInfo& info() const override { return info_; }
  void read(std::size_t index, data::StoredSample& sample) override {
    EXPECT_EQ(readers_++, 0) << "two threads read at a time";
    if (index == bad_) {
      --readers_;
      throw std::runtime_error("unreadable");
    }
    sample.bytes.assign(16, static_cast<std::uint8_t>(index));
    sample.label = static_cast<std::int32_t>(index) + 100;
    --readers_;
  }

 private:
  std::size_t bad_;
  std::atomic<int> readers_ = 0;
  data::DatasetInfo info_;
};

ProtocolViews own_size() {
  TestProtocol protocol;
  fill_in(protocol, 4);
  return ProtocolViews(protocol, {{0.0F}, {1.0F}});
}

TEST(ViewLoaderTest, ImagesComeInOrderWhateverTheThreads) {
  const ProtocolViews views = own_size();
  std::vector<std::uint32_t> samples(200);
  std::iota(samples.rbegin(), samples.rend(), 0U);
  for (const int threads : {1, 4}) {
    Numbers source(200);
    ViewLoader loader(source, views, samples, {threads, 3, {}});
    for (const std::uint32_t sample : samples) {
      const ImageViews* image = loader.next();
      ASSERT_NE(image, nullptr);
      ASSERT_EQ(image->sample, sample);
      ASSERT_EQ(image->label, static_cast<int>(sample) + 100);
      ASSERT_EQ(image->views.size(), 1U);
      ASSERT_THAT(image->views[0].values, testing::Each(testing::FloatEq(float(sample) / 255)));
    }
    EXPECT_EQ(loader.next(), nullptr);
  }
}

TEST(ViewLoaderTest, FailuresComeAtTheirImagesTurn) {
  const ProtocolViews views = own_size();
  Numbers source(50, 20);
  std::vector<std::uint32_t> samples(50);
  std::iota(samples.begin(), samples.end(), 0U);
  ViewLoader loader(source, views, samples, {4, 8, {}});
  for (int i = 0; i < 20; ++i) ASSERT_NE(loader.next(), nullptr);
  try {
    loader.next();
    FAIL() << "sample 20 was read";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "numbers: sample 20: unreadable");
  }
}

TEST(ViewLoaderTest, EndsWhenItIsNoLongerWanted) {
  const ProtocolViews views = own_size();
  Numbers source(1000);
  ViewLoader loader(source, views, std::vector<std::uint32_t>(1000), {4, 5, {}});
  loader.next();
}

}  // namespace
}  // namespace resnext::worker
