#include "data/augment/transform.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "data/augment/crop.h"

namespace resnext::data {
namespace {

using Values = std::vector<float>;

const ChannelStatistics kColour{{0.485F, 0.456F, 0.406F}, {0.229F, 0.224F, 0.225F}};
const ChannelStatistics kGrey{{0.449F}, {0.226F}};
const ChannelStatistics kNeutral{{0, 0, 0}, {1, 1, 1}};

const ChannelStatistics& statistics_of(int channels) {
  return channels == 3 ? kColour : kGrey;
}

Image noise_image(int height, int width, int channels) {
  std::mt19937 generator(height * 1000 + width);
  Image image;
  image.resize(height, width, channels);
  for (auto& pixel : image.pixels) pixel = static_cast<std::uint8_t>(generator() % 256);
  return image;
}

Values applied(const Transform& transform, const Image& image, int size, const DrawKey& key = {}) {
  Values output(std::size_t(size) * size * image.channels, -99.0F);
  ResizeScratch scratch;
  transform.apply(image, key, scratch, output);
  return output;
}

/// The image as normalised planes, value by value from the definition.
Values normalised(const Image& image) {
  const auto& [mean, deviation] = statistics_of(image.channels);
  Values values;
  for (int c = 0; c < image.channels; ++c)
    for (std::size_t i = c; i < image.pixels.size(); i += image.channels)
      values.push_back(
          static_cast<float>((image.pixels[i] / 255.0 - double(mean[c])) / double(deviation[c])));
  return values;
}

/// Value by value: the size x size window at (y, x) of height x width planes continued by zeros,
/// mirrored or not.
Values naive_crop(const Values& planes, int height, int width, int y0, int x0, int size,
                  bool mirror) {
  Values output;
  for (std::size_t plane = 0; plane < planes.size(); plane += std::size_t(height) * width)
    for (int y = y0; y < y0 + size; ++y)
      for (int i = 0; i < size; ++i) {
        const int x = x0 + (mirror ? size - 1 - i : i);
        const bool inside = y >= 0 && y < height && x >= 0 && x < width;
        output.push_back(inside ? planes[plane + std::size_t(y) * width + x] : 0.0F);
      }
  return output;
}

std::string text(const Values& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

std::string message_of(const auto& action) {
  try {
    action();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(Transform, EveryNameMakesATransformAndOthersDoNot) {
  for (const std::string& name : augmentation_names())
    EXPECT_NE(make_augmentation(name, 32, kColour), nullptr);
  EXPECT_THROW(make_augmentation("cifra", 32, kColour), std::invalid_argument);
  EXPECT_EQ(message_of([] { make_augmentation("cifra", 32, kColour); }),
            "unknown augmentation 'cifra'; did you mean 'cifar'?");
  EXPECT_THROW(make_augmentation("flip", 0, kColour), std::invalid_argument);
}

TEST(Transform, RefusesStatisticsThatDoNotFit) {
  EXPECT_THROW(make_test_transform(32, {{0.5F, 0.5F}, {0.5F, 0.5F}}), std::invalid_argument);
  EXPECT_THROW(make_test_transform(32, {{0.5F}, {}}), std::invalid_argument);
  EXPECT_THROW(make_test_transform(32, {{0.5F}, {0.0F}}), std::invalid_argument);
  for (const std::string& name : augmentation_names()) {
    const auto transform = make_augmentation(name, 32, kColour);
    EXPECT_THROW(applied(*transform, noise_image(32, 32, 1), 32), std::invalid_argument) << name;
  }
}

// To the bit: the float nearest to the exact value.
TEST(Transform, NonePassesImagesOfItsSizeOn) {
  for (const int channels : {1, 3}) {
    const Image image = noise_image(28, 28, channels);
    const auto& statistics = statistics_of(channels);
    EXPECT_EQ(applied(*make_augmentation("none", 28, statistics), image, 28), normalised(image));
    EXPECT_EQ(applied(*make_test_transform(28, statistics), image, 28), normalised(image));
  }
}

TEST(Transform, FlipMirrorsHalfOfTheImages) {
  for (const int channels : {1, 3}) {
    const auto flip = make_augmentation("flip", 28, statistics_of(channels));
    const Image image = noise_image(28, 28, channels);
    const Values plain = normalised(image), mirrored = naive_crop(plain, 28, 28, 0, 0, 28, true);
    int flips = 0;
    for (std::uint64_t sample = 0; sample < 2000; ++sample) {
      const Values output = applied(*flip, image, 28, {1, 1, sample});
      ASSERT_TRUE(output == plain || output == mirrored);
      flips += output == mirrored;
    }
    EXPECT_NEAR(flips, 1000, 100);
  }
}

// All 9 x 9 crops of the image padded with exact zeros after it was normalised, flipped and not,
// equally often, and nothing else.
TEST(Transform, CifarDrawsEveryPaddedCropAndFlipEquallyOften) {
  for (const int channels : {1, 3}) {
    const Image image = noise_image(32, 32, channels);
    const auto transform = make_augmentation("cifar", 32, statistics_of(channels));
    std::map<std::string, int> counts;  // keyed by the values
    for (int dy = -4; dy <= 4; ++dy)
      for (int dx = -4; dx <= 4; ++dx)
        for (const bool mirror : {false, true})
          counts[text(naive_crop(normalised(image), 32, 32, dy, dx, 32, mirror))] = 0;
    ASSERT_EQ(counts.size(), 162u);
    for (std::uint64_t sample = 0; sample < 16200; ++sample) {
      const auto found = counts.find(text(applied(*transform, image, 32, {3, 1, sample})));
      ASSERT_NE(found, counts.end()) << "sample " << sample;
      ++found->second;
    }
    double chi_square = 0;
    for (const auto& [values, count] : counts)
      chi_square += (count - 100.0) * (count - 100.0) / 100.0;
    EXPECT_LT(chi_square, 240.0);  // 161 degrees of freedom: 1 in 20,000
  }
}

TEST(Transform, DrawsDependOnSeedEpochAndSampleOnly) {
  const Image image = noise_image(32, 32, 3), photo = noise_image(90, 120, 3);
  for (const std::string name : {"cifar", "imagenet"}) {
    const auto one = make_augmentation(name, 32, kColour),
               other = make_augmentation(name, 32, kColour);
    const Image& input = name == "imagenet" ? photo : image;
    const Values output = applied(*one, input, 32, {1, 2, 3});
    applied(*one, input, 32, {9, 9, 9});
    EXPECT_EQ(applied(*one, input, 32, {1, 2, 3}), output);
    EXPECT_EQ(applied(*other, input, 32, {1, 2, 3}), output);
    EXPECT_NE(applied(*one, input, 32, {2, 2, 3}), output);
    EXPECT_NE(applied(*one, input, 32, {1, 3, 3}), output);
    EXPECT_NE(applied(*one, input, 32, {1, 2, 4}), output);
  }
}

TEST(Transform, FixedSizeAugmentationsNameTheSizeTheyTake) {
  const Image image = noise_image(40, 32, 3);
  for (const std::string name : {"flip", "cifar"}) {
    const auto transform = make_augmentation(name, 32, kColour);
    EXPECT_THROW(applied(*transform, image, 32), std::runtime_error);
    EXPECT_EQ(message_of([&] { applied(*transform, image, 32); }),
              "augmentation '" + name +
                  "' takes 32x32 images, this one is 40x32 (use 'imagenet' or 'none')");
  }
  EXPECT_THROW(applied(*make_test_transform(32, kColour), image, 31), std::invalid_argument);
}

// ---- imagenet ----------------------------------------------------------------------------------

/// What one application of "imagenet" did, read off an image whose pixels hold their coordinates:
/// corners are aligned, so the output's corners are the crop's corner pixels.
struct Crop {
  int y, x, height, width;
  bool mirror;
};

class ImageNetCrop : public testing::Test {
 protected:
  static constexpr int kSide = 256, kSize = 8;

  ImageNetCrop() {
    image_.resize(kSide, kSide, 3);
    for (int y = 0; y < kSide; ++y)
      for (int x = 0; x < kSide; ++x) {
        image_.pixels[(y * kSide + x) * 3] = static_cast<std::uint8_t>(y);
        image_.pixels[(y * kSide + x) * 3 + 1] = static_cast<std::uint8_t>(x);
      }
  }

  Crop draw(std::uint64_t sample) const {
    const Values output = applied(*transform_, image_, kSize, {11, 1, sample});
    const auto pixel = [&](int i) { return static_cast<int>(std::lround(output[i] * 255)); };
    constexpr int kPlane = kSize * kSize;
    const int top = pixel(0), bottom = pixel(kPlane - 1);
    const int first = pixel(kPlane), last = pixel(2 * kPlane - 1);
    return {top, std::min(first, last), bottom - top + 1, std::abs(last - first) + 1, last < first};
  }

  Image image_;
  std::unique_ptr<Transform> transform_ = make_augmentation("imagenet", kSize, kNeutral);
};

/// The published recipe, drawn with another generator.
Crop reference_crop(std::mt19937_64& generator, int side) {
  const auto uniform = [&](double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(generator);
  };
  for (int attempt = 0; attempt < 10; ++attempt) {
    const double area = uniform(0.08, 1) * side * side, aspect = uniform(3.0 / 4, 4.0 / 3);
    int width = static_cast<int>(std::round(std::sqrt(area * aspect)));
    int height = static_cast<int>(std::round(std::sqrt(area / aspect)));
    if (uniform(0, 1) < 0.5) std::swap(width, height);
    if (width > side || height > side) continue;
    const auto corner = [&](int room) {
      return std::uniform_int_distribution<int>(0, room)(generator);
    };
    return {corner(side - height), corner(side - width), height, width, uniform(0, 1) < 0.5};
  }
  return {0, 0, side, side, uniform(0, 1) < 0.5};
}

/// Largest distance between two empirical distribution functions.
double kolmogorov_smirnov(std::vector<double> a, std::vector<double> b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  double distance = 0;
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    const double at = std::min(a[i], b[j]);
    while (i < a.size() && a[i] == at) ++i;
    while (j < b.size() && b[j] == at) ++j;
    distance =
        std::max(distance, std::abs(double(i) / double(a.size()) - double(j) / double(b.size())));
  }
  return distance;
}

TEST_F(ImageNetCrop, DistributionIsThePublishedCodes) {
  constexpr int kDraws = 20000;
  std::mt19937_64 generator(1);
  const std::array<double (*)(const Crop&), 6> measures = {
      [](const Crop& c) { return double(c.height) * c.width; },
      [](const Crop& c) { return double(c.width) / c.height; },
      [](const Crop& c) { return double(c.height); },
      [](const Crop& c) { return c.height == kSide ? 0.5 : double(c.y) / (kSide - c.height); },
      [](const Crop& c) { return c.width == kSide ? 0.5 : double(c.x) / (kSide - c.width); },
      [](const Crop& c) { return double(c.mirror); }};
  std::array<std::vector<double>, 6> ours, theirs;
  for (std::uint64_t i = 0; i < kDraws; ++i) {
    const Crop crop = draw(i), expected = reference_crop(generator, kSide);
    ASSERT_GE(crop.height * crop.width, 0.079 * kSide * kSide);
    for (std::size_t m = 0; m < measures.size(); ++m) {
      ours[m].push_back(measures[m](crop));
      theirs[m].push_back(measures[m](expected));
    }
  }
  for (std::size_t m = 0; m < measures.size(); ++m)  // 1.95 * sqrt(2 / n): 1 in 1000
    EXPECT_LT(kolmogorov_smirnov(ours[m], theirs[m]), 0.0195) << "measure " << m;
}

// No crop of at least 8% of a thin strip is of an aspect near one: the centre is taken.
TEST(Transform, ImagenetFallsBackToTheCentreOfThinImages) {
  for (const bool tall : {false, true}) {
    const Image image = tall ? noise_image(400, 4, 3) : noise_image(4, 400, 3);
    const auto transform = make_augmentation("imagenet", 16, kColour);
    ResizePlan plan{{0, 0, image.height, image.width},
                    tall ? 1600 : 16,
                    tall ? 16 : 1600,
                    {tall ? 792 : 0, tall ? 0 : 792, 16, 16},
                    false};
    std::array<Values, 2> expected;
    ResizeScratch scratch;
    const Normalisation normalisation(kColour);
    for (const bool mirror : {false, true}) {
      plan.mirror = mirror;
      expected[mirror].resize(16 * 16 * 3);
      write_normalised(image, plan, normalisation, scratch, expected[mirror]);
    }
    int mirrored = 0;
    for (std::uint64_t sample = 0; sample < 100; ++sample) {
      const Values output = applied(*transform, image, 16, {0, 1, sample});
      ASSERT_TRUE(output == expected[0] || output == expected[1]);
      mirrored += output == expected[1];
    }
    EXPECT_NEAR(mirrored, 50, 20);
  }
}

TEST(Transform, ImagenetTakesImagesOfAnySize) {
  for (const auto& [height, width] : {std::pair{1, 1}, {1, 2}, {2, 1}, {3, 3}, {1, 500}, {16, 16}})
    for (const int channels : {1, 3})
      for (std::uint64_t sample = 0; sample < 20; ++sample)
        EXPECT_NO_THROW(applied(*make_augmentation("imagenet", 16, statistics_of(channels)),
                                noise_image(height, width, channels), 16, {0, 1, sample}));
}

// ---- test transform ----------------------------------------------------------------------------

// The arithmetic of the published code, in its terms: Scale(256), then CenterCrop(224).
TEST(Transform, TestTransformTakesTheCentreOfTheShorterSideAt256) {
  const struct {
    int height, width, scaled_height, scaled_width, y, x;
  } cases[] = {{375, 500, 256, 341, 16, 59},
               {500, 375, 341, 256, 59, 16},  // ceil((341 - 224) / 2) = 59
               {500, 333, 384, 256, 80, 16},  // 384.38 is cut to 384
               {256, 256, 256, 256, 16, 16},
               {100, 100, 256, 256, 16, 16}};
  for (const auto& [height, width, scaled_height, scaled_width, y, x] : cases) {
    const Image image = noise_image(height, width, 3);
    ResizeScratch scratch;
    const Window all{0, 0, scaled_height, scaled_width};
    Values scaled(std::size_t(scaled_height) * scaled_width * 3);
    write_normalised(image, {{0, 0, height, width}, scaled_height, scaled_width, all, false},
                     Normalisation(kColour), scratch, scaled);
    const Values expected = naive_crop(scaled, scaled_height, scaled_width, y, x, 224, false);
    EXPECT_EQ(applied(*make_test_transform(224, kColour), image, 224), expected);
    EXPECT_EQ(applied(*make_test_transform(224, kColour, 256), image, 224), expected);
    EXPECT_EQ(applied(*make_augmentation("none", 224, kColour), image, 224), expected);
  }
}

}  // namespace
}  // namespace resnext::data
