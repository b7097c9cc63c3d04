#include "data/augment/colour_jitter.h"

#include <map>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "tests/data/distribution.h"

namespace resnext::data {
namespace {

std::vector<ColourJitter> jitters(int count) {
  Draws draws(Purpose::kAugmentation, {23});
  std::vector<ColourJitter> drawn;
  for (int i = 0; i < count; ++i) drawn.push_back(draw_colour_jitter(0.4, draws));
  return drawn;
}

TEST(ColourJitter, EachAlphaIsUniform) {
  std::vector<double> brightness, contrast, saturation;
  for (const ColourJitter& jitter : jitters(100000)) {
    brightness.push_back(jitter.brightness);
    contrast.push_back(jitter.contrast);
    saturation.push_back(jitter.saturation);
  }
  for (const auto& alphas : {brightness, contrast, saturation})
    EXPECT_LT(kolmogorov_smirnov(alphas, uniform_cdf(0.6, 1.4)), kKolmogorovSmirnovLimit);
}

// One draw used for two of them would fill the diagonal of the square alone.
TEST(ColourJitter, AlphasAreIndependent) {
  std::vector<int> counts(64);
  const auto quarter = [](double alpha) {
    return std::min(3, static_cast<int>((alpha - 0.6) / 0.2));
  };
  for (const ColourJitter& jitter : jitters(64000))
    ++counts[quarter(jitter.brightness) * 16 + quarter(jitter.contrast) * 4 +
             quarter(jitter.saturation)];
  EXPECT_LT(chi_square(counts), 113.5);  // 63 degrees of freedom: 1 in 10,000
}

TEST(ColourJitter, AllSixOrdersAreEquallyLikely) {
  std::map<std::array<Adjustment, 3>, int> orders;
  for (const ColourJitter& jitter : jitters(60000)) ++orders[jitter.order];
  std::vector<int> counts;
  for (const auto& [order, count] : orders) {
    EXPECT_EQ(std::set(order.begin(), order.end()).size(), 3u);
    counts.push_back(count);
  }
  ASSERT_EQ(counts.size(), 6u);
  EXPECT_LT(chi_square(counts), 25.7);  // 5 degrees of freedom: 1 in 10,000
}

TEST(ColourJitter, AlphasOfOneChangeNothing) {
  const ColourBlend blend = combine({});
  EXPECT_EQ(blend.value, 1);
  EXPECT_EQ(blend.grey, 0);
  EXPECT_EQ(blend.mean_grey, 0);
}

// Of a single adjustment the definition can be read off; chains of them are compared with NumPy in
// imagenet_augmentation_test.cpp.
TEST(ColourJitter, EachAdjustmentBlendsWithItsOwn) {
  ColourJitter brightness, contrast, saturation;
  brightness.brightness = contrast.contrast = saturation.saturation = 0.75;
  EXPECT_EQ(combine(brightness).value, 0.75);
  EXPECT_EQ(combine(brightness).grey, 0);
  EXPECT_EQ(combine(brightness).mean_grey, 0);
  EXPECT_EQ(combine(contrast).value, 0.75);
  EXPECT_EQ(combine(contrast).grey, 0);
  EXPECT_EQ(combine(contrast).mean_grey, 0.25);
  EXPECT_EQ(combine(saturation).value, 0.75);
  EXPECT_EQ(combine(saturation).grey, 0.25);
  EXPECT_EQ(combine(saturation).mean_grey, 0);
}

}  // namespace
}  // namespace resnext::data
