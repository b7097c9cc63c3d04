// The loader on JPEGs: it decodes only what a transform looks at, and that must not show.

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "data/augment/transform.h"
#include "data/decode/decode.h"
#include "data/loader.h"
#include "tests/data/allocation_count.h"
#include "tests/data/decode/encode_jpeg.h"

namespace resnext::data {
namespace {

constexpr int kSize = 48;
constexpr std::uint64_t kSeed = 9;
const ChannelStatistics kStatistics{{0.5F, 0.4F, 0.3F}, {0.2F, 0.25F, 0.3F}};

/// JPEGs in memory.
class JpegSource final : public ImageSource {
 public:
  explicit JpegSource(std::vector<std::vector<std::uint8_t>> files) : files_(std::move(files)) {
    info_.name = "jpegs";
    info_.size = files_.size();
    info_.class_names = {"only"};
    info_.encoding = Encoding::kEncoded;
  }
  const DatasetInfo& info() const override { return info_; }
  void read(std::size_t index, StoredSample& sample) override { sample.bytes = files_.at(index); }

 private:
  std::vector<std::vector<std::uint8_t>> files_;
  DatasetInfo info_;
};

/// Large, small, thin (where no random crop fits), sideways, of several layouts.
std::vector<std::vector<std::uint8_t>> some_files() {
  const JpegLayout chroma_quarter{"420", JpegColours::kYcc, 2, 2, false};
  const JpegLayout chroma_half{"422", JpegColours::kYcc, 2, 1, false};
  const JpegLayout progressive{"420", JpegColours::kYcc, 2, 2, true};
  return {encode_noisy_jpeg(chroma_quarter, {150, 200}),
          encode_noisy_jpeg(chroma_half, {333, 250}),
          encode_noisy_jpeg(progressive, {90, 110}),
          encode_noisy_jpeg(chroma_quarter, {9, 7}),
          encode_noisy_jpeg(chroma_quarter, {20, 300}),
          encode_noisy_jpeg(chroma_quarter, {48, 48}),
          with_orientation(6, encode_noisy_jpeg(chroma_quarter, {100, 160}))};
}

BatchRequest request_all(std::uint64_t epoch, std::size_t samples, std::size_t times = 1) {
  BatchRequest request{epoch, {}};
  for (std::size_t i = 0; i < samples * times; ++i)
    request.samples.push_back(static_cast<std::uint32_t>(i % samples));
  return request;
}

TEST(LoaderOfJpegs, GivesWhatDecodingTheWholeWould) {
  const auto files = some_files();
  JpegSource source(files);
  for (const std::string name : {"imagenet", "imagenet-colour", "none"}) {
    const auto transform = make_augmentation(name, kSize, kStatistics);
    std::uint64_t epoch = 0;
    Loader loader(source, *transform,
                  [&] { return std::optional(request_all(++epoch, files.size())); },
                  {.size = kSize, .decode_threads = 0, .queue_batches = 1, .seed = kSeed});
    std::vector<float> expected(std::size_t(3) * kSize * kSize);
    ResizeScratch scratch;
    for (std::uint64_t e = 1; e <= 10; ++e) {
      const LoadedBatch* loaded = loader.next();
      ASSERT_NE(loaded, nullptr);
      for (std::size_t i = 0; i < files.size(); ++i) {
        Image image;
        decode_image(files[i], image);
        transform->apply(image, {kSeed, e, i}, scratch, expected);
        EXPECT_TRUE(std::equal(expected.begin(), expected.end(),
                               loaded->values.begin() + std::ptrdiff_t(i * expected.size())))
            << name << ", file " << i << ", epoch " << e;
      }
    }
  }
}

TEST(LoaderOfJpegs, AllocatesNothingASampleOnceItRuns) {
  const std::size_t samples = 6;  // all but the sideways one, which is turned into a new image
  JpegSource source(some_files());
  const auto transform = make_augmentation("imagenet-colour", kSize, kStatistics);
  Loader loader(source, *transform,
                [&]() -> std::optional<BatchRequest> { return request_all(1, samples, 20); },
                {.size = kSize, .decode_threads = 0, .queue_batches = 1});
  for (int batch = 0; batch < 5; ++batch) loader.next();
  const std::size_t before = allocation_count();
  for (int batch = 0; batch < 10; ++batch) loader.next();
  EXPECT_LT(allocation_count() - before, 10u * 20u);  // 10 batches of 120 samples
}

// A file cut short is an error whatever the crop, and so in every epoch.
TEST(LoaderOfJpegs, ADamagedFileIsAnErrorWhateverTheCrop) {
  auto file = some_files().at(1);
  file.erase(file.end() - 10, file.end());
  JpegSource source({file});
  const auto transform = make_augmentation("imagenet", kSize, kStatistics);
  for (std::uint64_t epoch = 1; epoch <= 20; ++epoch) {
    Loader loader(source, *transform, [&] { return std::optional(request_all(epoch, 1)); },
                  {.size = kSize, .decode_threads = 1, .seed = kSeed});
    try {
      loader.next();
      FAIL() << "no error";
    } catch (const std::runtime_error& error) {
      EXPECT_EQ(std::string(error.what()), "jpegs: sample 0: JPEG: Premature end of JPEG file");
    }
  }
}

}  // namespace
}  // namespace resnext::data
