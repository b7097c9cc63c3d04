#include "data/augment/lighting.h"

#include <cmath>
#include <numbers>
#include <vector>

#include <gtest/gtest.h>

#include "tests/data/distribution.h"

namespace resnext::data {
namespace {

double normal_cdf(double x) {
  return 0.5 * std::erfc(-x / std::numbers::sqrt2);
}

TEST(Lighting, AlphasAreNormalWithTheGivenDeviation) {
  Draws draws(Purpose::kAugmentation, {29});
  std::array<std::vector<double>, 3> alphas;
  std::vector<double> sums;  // of independent ones: normal, too, and of variance three
  for (int i = 0; i < 100000; ++i) {
    const LightingAlphas drawn = draw_lighting(0.1, draws);
    for (std::size_t k = 0; k < 3; ++k) alphas[k].push_back(drawn[k]);
    sums.push_back(drawn[0] + drawn[1] + drawn[2]);
  }
  for (const auto& values : alphas)
    EXPECT_LT(kolmogorov_smirnov(values, [](double x) { return normal_cdf(x / 0.1); }),
              kKolmogorovSmirnovLimit);
  EXPECT_LT(kolmogorov_smirnov(sums, [](double x) { return normal_cdf(x / 0.1 / std::sqrt(3.0)); }),
            kKolmogorovSmirnovLimit);
}

// The component of the largest eigenvalue is close to grey: it brightens or darkens all channels.
TEST(Lighting, GoesAlongThePrincipalComponents) {
  for (const double shift : lighting_shift({0, 0, 0})) EXPECT_EQ(shift, 0);
  const auto first = lighting_shift({0.1, 0, 0}), second = lighting_shift({0, 0.1, 0});
  const double dot = first[0] * second[0] + first[1] * second[1] + first[2] * second[2];
  const double length = std::hypot(first[0], first[1], first[2]);
  EXPECT_NEAR(length, 0.1 * 0.2175, 1e-5);  // the eigenvectors have length 1
  EXPECT_NEAR(std::hypot(second[0], second[1], second[2]), 0.1 * 0.0188, 1e-5);
  EXPECT_NEAR(dot, 0, 1e-7);  // and are orthogonal, in the printed digits
  for (const double shift : first) EXPECT_NEAR(shift, -0.01255, 3e-4);
}

}  // namespace
}  // namespace resnext::data
