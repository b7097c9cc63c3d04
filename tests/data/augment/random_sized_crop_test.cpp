#include "data/augment/random_sized_crop.h"

#include <cmath>
#include <numbers>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "tests/data/distribution.h"

namespace resnext::data {
namespace {

/// A square image so large that rounding to pixels does not show.
constexpr int kSide = 1 << 30;
constexpr double kArea = double(kSide) * kSide;

/// Of a square, every crop of less than 3/4 of its area fits, whatever its aspect: among these no
/// draw was rejected, so area and aspect are distributed as they are drawn.
constexpr double kAlwaysFits = 0.74;

std::vector<Window> crops(int count, const Extent& image = {kSide, kSide}) {
  Draws draws(Purpose::kAugmentation, {17});
  std::vector<Window> windows;
  for (int i = 0; i < count; ++i) windows.push_back(draw_random_sized_crop(image, draws).value());
  return windows;
}

double area(const Window& window) {
  return double(window.height) * window.width / kArea;
}

/// The logarithm of width / height, of the crops that always fit.
std::vector<double> log_aspects(const std::vector<Window>& windows) {
  std::vector<double> values;
  for (const Window& window : windows)
    if (area(window) < kAlwaysFits)
      values.push_back(std::log(double(window.width) / window.height));
  return values;
}

std::vector<double> magnitudes(std::vector<double> values) {
  for (double& value : values) value = std::abs(value);
  return values;
}

/// How the logarithm of an aspect ratio is distributed that is uniform in [3/4, 4/3] and inverted
/// with probability one half: the density is 6/7 (e^x + e^-x).
double log_aspect_cdf(double x) {
  return 0.5 + 12.0 / 7 * std::sinh(x);
}

double log_aspect_magnitude_cdf(double x) {
  return 24.0 / 7 * std::sinh(x);
}

TEST(RandomSizedCrop, AreaIsUniform) {
  std::vector<double> areas;
  for (const Window& window : crops(100000))
    if (area(window) < kAlwaysFits) areas.push_back(area(window));
  EXPECT_GT(areas.size(), 60000u);
  EXPECT_LT(kolmogorov_smirnov(areas, uniform_cdf(0.08, kAlwaysFits)), kKolmogorovSmirnovLimit);
}

// Distributions this close take a million draws to tell apart, so the test shows that it can: a
// log-uniform aspect fails it.
TEST(RandomSizedCrop, AspectIsUniformThenSwappedAndNotLogUniform) {
  const std::vector<double> ours = log_aspects(crops(1000000));
  EXPECT_LT(kolmogorov_smirnov(magnitudes(ours), log_aspect_magnitude_cdf),
            kKolmogorovSmirnovLimit);

  std::mt19937_64 generator(3);
  std::uniform_real_distribution<double> log_uniform(-std::log(4.0 / 3), std::log(4.0 / 3));
  std::vector<double> wrong;
  while (wrong.size() < ours.size()) wrong.push_back(log_uniform(generator));
  EXPECT_GT(kolmogorov_smirnov(magnitudes(wrong), log_aspect_magnitude_cdf),
            kKolmogorovSmirnovLimit);
}

// Without the swap there would be more wide crops than tall ones.
TEST(RandomSizedCrop, WidthAndHeightAreSwappedHalfOfTheTime) {
  EXPECT_LT(kolmogorov_smirnov(log_aspects(crops(100000)), log_aspect_cdf),
            kKolmogorovSmirnovLimit);
}

TEST(RandomSizedCrop, PlaceIsUniform) {
  std::vector<double> y, x;
  for (const Window& window : crops(100000)) {
    ASSERT_GE(std::min(window.y, window.x), 0);
    ASSERT_LE(window.height, kSide - window.y);
    ASSERT_LE(window.width, kSide - window.x);
    y.push_back((window.y + 0.5) / (kSide - window.height + 1.0));
    x.push_back((window.x + 0.5) / (kSide - window.width + 1.0));
  }
  EXPECT_LT(kolmogorov_smirnov(y, uniform_cdf(0, 1)), kKolmogorovSmirnovLimit);
  EXPECT_LT(kolmogorov_smirnov(x, uniform_cdf(0, 1)), kKolmogorovSmirnovLimit);
}

// The crop may touch every edge: all 3 x 3 places of a window in an image two pixels larger.
TEST(RandomSizedCrop, EveryPlaceIsReachedEquallyOften) {
  Draws draws(Purpose::kAugmentation, {5});
  std::vector<int> counts(9);
  for (int i = 0; i < 200000; ++i) {
    const auto window = draw_random_sized_crop({6, 6}, draws);
    if (window && window->height == 4 && window->width == 4) ++counts[window->y * 3 + window->x];
  }
  EXPECT_LT(chi_square(counts), 31.8);  // 8 degrees of freedom: 1 in 10,000
}

// The whole of a window of the image's own size is the only one to fit in an image of one pixel.
TEST(RandomSizedCrop, TakesImagesOfAPixel) {
  Draws draws(Purpose::kAugmentation, {5});
  const auto window = draw_random_sized_crop({1, 1}, draws);
  ASSERT_TRUE(window);
  EXPECT_EQ(window->height, 1);
  EXPECT_EQ(window->width, 1);
}

TEST(RandomSizedCrop, GivesUpOnThinImages) {
  Draws draws(Purpose::kAugmentation, {5});
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(draw_random_sized_crop({4, 400}, draws));
    EXPECT_FALSE(draw_random_sized_crop({400, 4}, draws));
  }
}

// In an image of 9:1 few crops fit: the share of nullopt is p^10, where p is that of crops too
// tall, drawn here with another generator.
TEST(RandomSizedCrop, TriesTenTimes) {
  std::mt19937_64 generator(4);
  const auto uniform = [&](double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(generator);
  };
  constexpr int kTrials = 2000000, kDraws = 400000;
  constexpr double kRatio = 9;  // width over height
  int misfits = 0;
  for (int i = 0; i < kTrials; ++i) {
    const double target = uniform(0.08, 1) * kRatio, aspect = uniform(3.0 / 4, 4.0 / 3);
    const double swapped = uniform(0, 1) < 0.5 ? 1 / aspect : aspect;
    misfits += std::sqrt(target / swapped) > 1;
  }
  const double expected = std::pow(double(misfits) / kTrials, 10);
  Draws draws(Purpose::kAugmentation, {6});
  int none = 0;
  for (int i = 0; i < kDraws; ++i)
    none += !draw_random_sized_crop({1 << 20, 9 << 20}, draws).has_value();
  // Five standard deviations, and what is left open by estimating p.
  const double deviation = std::sqrt(expected * (1 - expected) / kDraws);
  EXPECT_NEAR(double(none) / kDraws, expected, 5 * deviation + 1e-3);
}

}  // namespace
}  // namespace resnext::data
