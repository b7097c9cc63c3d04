#include "data/augment/imagenet_augmentation.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "cli/instruction_set.h"
#include "data/augment/transform.h"
#include "tests/data/allocation_count.h"
#include "tests/data/distribution.h"
#include "tests/data/torch_transforms.h"

namespace resnext::data {
namespace {

constexpr int kSize = 64;

/// Of normalised values: a hundredth of the step between two 8-bit pixels, which is 0.0171 here.
constexpr double kTolerance = 1e-5;

/// The published chain with these draws: crop, jitter, lighting, normalise, flip.
std::string torch_chain(const ImageNetDraws& draws) {
  std::string chain;
  if (draws.crop)
    chain = fmt::format("crop {} {} {} {}; scale {} {}", draws.crop->y, draws.crop->x,
                        draws.crop->height, draws.crop->width, kSize, kSize);
  else
    chain = fmt::format("scale_shorter {}; centre_crop {}", kSize, kSize);
  if (draws.colour) {
    const ColourJitter& jitter = draws.colour->jitter;
    for (const Adjustment adjustment : jitter.order) {
      if (adjustment == Adjustment::kBrightness)
        chain += fmt::format("; brightness {}", jitter.brightness);
      else if (adjustment == Adjustment::kContrast)
        chain += fmt::format("; contrast {}", jitter.contrast);
      else
        chain += fmt::format("; saturation {}", jitter.saturation);
    }
    chain += fmt::format("; lighting {}", fmt::join(draws.colour->lighting, " "));
  }
  return chain + "; " + torch_normalise(kImageNetStatistics) + (draws.mirror ? "; hflip" : "");
}

std::vector<float> applied(const Image& image, const ImageNetDraws& draws,
                           const ChannelStatistics& statistics = kImageNetStatistics) {
  std::vector<float> output(std::size_t(kSize) * kSize * image.channels);
  ResizeScratch scratch;
  apply_imagenet(image, draws, kSize, Normalisation(statistics), scratch, output);
  return output;
}

void expect_torch_output(const Photo& photo, const std::vector<ImageNetDraws>& all) {
  std::vector<std::string> chains;
  std::vector<float> ours;
  for (const ImageNetDraws& draws : all) {
    chains.push_back(torch_chain(draws));
    const std::vector<float> output = applied(photo.image, draws);
    ours.insert(ours.end(), output.begin(), output.end());
  }
  EXPECT_LT(largest_difference(ours, torch_output(photo, chains)), kTolerance);
}

/// Strong adjustments, so that much of the picture leaves [0, 1].
ColourDraws strong_colour() {
  ColourDraws colour;
  colour.jitter.brightness = 1.4;
  colour.jitter.contrast = 1.35;
  colour.jitter.saturation = 1.3;
  colour.lighting = {0.2, -0.3, 0.1};
  return colour;
}

TEST(ImageNetAugmentation, CropAndFlipAgreeWithTorch) {
  const Photo photo("photo.jpg", 150, 201);
  std::vector<ImageNetDraws> all;
  for (const bool mirror : {false, true})
    for (const auto& crop : {Window{3, 5, 120, 140}, Window{0, 0, 150, 201}, Window{20, 31, 41, 60},
                             Window{100, 1, kSize - 20, kSize}, Window{7, 9, kSize, kSize}})
      all.push_back({mirror, crop, {}});
  all.push_back({false, {}, {}});
  all.push_back({true, {}, {}});
  expect_torch_output(photo, all);
}

TEST(ImageNetAugmentation, ColoursAgreeWithTorchInEveryOrder) {
  const Photo photo("photo.png", 130, 170);
  std::vector<ImageNetDraws> all;
  ColourDraws colour = strong_colour();
  std::sort(colour.jitter.order.begin(), colour.jitter.order.end());
  do {
    all.push_back({false, Window{11, 7, 100, 120}, colour});
  } while (std::next_permutation(colour.jitter.order.begin(), colour.jitter.order.end()));
  ASSERT_EQ(all.size(), 6u);
  colour.jitter.brightness = 0.6;
  colour.jitter.contrast = 0.7;
  colour.jitter.saturation = 0.65;
  all.push_back({true, Window{0, 3, 130, 90}, colour});
  all.push_back({true, Window{5, 5, kSize, kSize}, colour});
  all.push_back({true, {}, colour});
  expect_torch_output(photo, all);
}

TEST(ImageNetAugmentation, WhatIsDrawnAgreesWithTorch) {
  const Photo photo("photo.jpg", 240, 320);
  std::vector<ImageNetDraws> all;
  for (std::uint64_t sample = 0; sample < 20; ++sample) {
    Draws draws(Purpose::kAugmentation, {1, 1, sample});
    all.push_back(draw_imagenet({240, 320}, true, draws));
  }
  expect_torch_output(photo, all);
}

// Bright pixels made brighter by 1.4 * 1.35 leave the range of pixels, and stay outside.
TEST(ImageNetAugmentation, NothingIsClamped) {
  const Photo photo("photo.png", 100, 100);
  const auto output = applied(photo.image, {false, Window{0, 0, 100, 100}, strong_colour()},
                              {{0, 0, 0}, {1, 1, 1}});
  EXPECT_GT(*std::max_element(output.begin(), output.end()), 1.5F);
  EXPECT_LT(*std::min_element(output.begin(), output.end()), -0.1F);
}

TEST(ImageNetAugmentation, GreyImagesHaveNoColoursToAdjust) {
  Image grey;
  grey.resize(80, 80, 1);
  const ChannelStatistics statistics{{0.449F}, {0.226F}};
  EXPECT_NO_THROW(applied(grey, {false, Window{0, 0, 70, 70}, {}}, statistics));
  EXPECT_THROW(applied(grey, {false, Window{0, 0, 70, 70}, strong_colour()}, statistics),
               std::invalid_argument);
  EXPECT_THROW(make_augmentation("imagenet-colour", 64, statistics), std::invalid_argument);
  EXPECT_THROW(check_channels("imagenet-colour", 1), std::invalid_argument);
  EXPECT_NO_THROW(check_channels("imagenet-colour", 3));
  EXPECT_NO_THROW(check_channels("imagenet", 1));
}

// ---- Draws --------------------------------------------------------------------------------------

TEST(ImageNetAugmentation, FlipsHalfOfTheImages) {
  std::vector<int> counts(2);
  for (std::uint64_t sample = 0; sample < 20000; ++sample) {
    Draws draws(Purpose::kAugmentation, {1, 1, sample});
    ++counts[draw_imagenet({300, 400}, true, draws).mirror];
  }
  EXPECT_LT(chi_square(counts), 15.1);  // one degree of freedom: 1 in 10,000
}

// Runs with and without colours crop and flip alike.
TEST(ImageNetAugmentation, ColoursAreDrawnLast) {
  for (std::uint64_t sample = 0; sample < 100; ++sample) {
    Draws one(Purpose::kAugmentation, {1, 1, sample}), other = one;
    const ImageNetDraws plain = draw_imagenet({300, 400}, false, one);
    const ImageNetDraws colour = draw_imagenet({300, 400}, true, other);
    EXPECT_FALSE(plain.colour.has_value());
    ASSERT_TRUE(colour.colour.has_value());
    EXPECT_EQ(plain.mirror, colour.mirror);
    EXPECT_EQ(plain.crop->x, colour.crop->x);
    EXPECT_EQ(plain.crop->width, colour.crop->width);
  }
}

/// Of the draws of one sample, as the transform makes them: uniform over the samples of an epoch.
TEST(ImageNetAugmentation, ColoursOfASampleAreTheRecipes) {
  std::vector<double> brightness, first_alpha;
  for (std::uint64_t sample = 0; sample < 200000; ++sample) {
    Draws draws(Purpose::kAugmentation, {1, 1, sample});
    const ImageNetDraws drawn = draw_imagenet({300, 400}, true, draws);
    brightness.push_back(drawn.colour->jitter.brightness);
    first_alpha.push_back(drawn.colour->lighting[0]);
  }
  EXPECT_LT(kolmogorov_smirnov(brightness, uniform_cdf(0.6, 1.4)), kKolmogorovSmirnovLimit);
  const auto normal = [](double x) { return 0.5 * std::erfc(-x / 0.1 / std::sqrt(2.0)); };
  EXPECT_LT(kolmogorov_smirnov(first_alpha, normal), kKolmogorovSmirnovLimit);
}

// The transform by name is these draws, applied.
TEST(ImageNetAugmentation, TheTransformsDrawAndApply) {
  const Photo photo("photo.png", 90, 120);
  for (const bool colour : {false, true}) {
    const auto transform =
        make_augmentation(colour ? "imagenet-colour" : "imagenet", kSize, kImageNetStatistics);
    for (std::uint64_t sample = 0; sample < 10; ++sample) {
      std::vector<float> output(std::size_t(kSize) * kSize * 3);
      ResizeScratch scratch;
      transform->apply(photo.image, {4, 2, sample}, scratch, output);
      Draws draws(Purpose::kAugmentation, {4, 2, sample});
      EXPECT_EQ(output, applied(photo.image, draw_imagenet({90, 120}, colour, draws)));
    }
  }
}

// Whatever processor a rank runs on, it sees the same inputs.
TEST(ImageNetAugmentation, AllInstructionSetsGiveTheSameBits) {
  const Photo photo("photo.jpg", 150, 200);
  for (std::uint64_t sample = 0; sample < 20; ++sample) {
    Draws draws(Purpose::kAugmentation, {4, 2, sample});
    const ImageNetDraws drawn = draw_imagenet({150, 200}, sample % 2 == 0, draws);
    const auto output = [&](const std::string& kernels) {
      std::vector<float> values(std::size_t(kSize) * kSize * 3);
      ResizeScratch scratch;
      apply_imagenet(photo.image, drawn, kSize,
                     Normalisation(kImageNetStatistics, pixel_kernels(kernels)), scratch, values);
      return values;
    };
    const std::vector<float> portable = output("portable");
    for (const std::string& name : cli::available_instruction_sets())
      EXPECT_EQ(output(name), portable) << name << ", sample " << sample;
  }
}

TEST(ImageNetAugmentation, AllocatesNothingOnceScratchHasGrown) {
  Image image;
  image.resize(300, 400, 3);
  const auto transform = make_augmentation("imagenet-colour", kSize, kImageNetStatistics);
  std::vector<float> output(std::size_t(kSize) * kSize * 3);
  ResizeScratch scratch;
  for (std::uint64_t sample = 0; sample < 200; ++sample)
    transform->apply(image, {1, 1, sample}, scratch, output);
  const std::size_t before = allocation_count();
  for (std::uint64_t sample = 0; sample < 200; ++sample)
    transform->apply(image, {1, 1, sample}, scratch, output);
  EXPECT_EQ(allocation_count() - before, 0u);
}

}  // namespace
}  // namespace resnext::data
