#include "worker/gradient_norm.h"

#include <array>
#include <cmath>
#include <fstream>
#include <limits>
#include <random>
#include <sstream>
#include <vector>

#include <gtest/gtest.h>

#include "worker/sgd.h"

namespace resnext::worker {
namespace {

std::vector<float> random_values(std::size_t count) {
  std::mt19937 generator(5);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(generator);
  return values;
}

TEST(GradientNorm, IsTheRootOfTheSumOfSquares) {
  const std::vector<float> values = random_values(3 * kNormBlock + 17);
  std::vector<double> blocks(4);
  sum_blocks_of_squares(values, blocks);
  long double sum = 0;
  for (const float value : values) sum += static_cast<long double>(value) * value;
  EXPECT_NEAR(norm_of_blocks(blocks), static_cast<double>(std::sqrt(sum)), 1e-12 * 100);
}

TEST(GradientNorm, OfAnyCutAtBlocksIsTheSameToTheBit) {
  const std::vector<float> values = random_values(5 * kNormBlock + 1);
  std::vector<double> whole(6), pieces(6);
  sum_blocks_of_squares(values, whole);
  const std::span<const float> all(values);
  sum_blocks_of_squares(all.subspan(0, 2 * kNormBlock), std::span(pieces));
  sum_blocks_of_squares(all.subspan(2 * kNormBlock, kNormBlock), std::span(pieces).subspan(2));
  sum_blocks_of_squares(all.subspan(3 * kNormBlock), std::span(pieces).subspan(3));
  EXPECT_EQ(whole, pieces);
}

TEST(GradientNorm, OfWhatIsNoNumberIsNoneAndShows) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(std::isnan(clipping_factor(nan, 1)));
  EXPECT_EQ(clipping_factor(0, 1), 1);
}

// tests/golden/make_clipping_golden.py says what a line holds.
TEST(GradientNorm, ClippedUpdatesAgreeWithPyTorch) {
  constexpr std::array kStart = {0.5F, -1.25F, 2.0F, 0.0F, 1e-3F, -30.0F};
  std::ifstream file(RESNEXT_SOURCE_DIR "/tests/golden/clipping_series.txt");
  std::vector<float> values, momentum, gradients(kStart.size()), wanted(kStart.size());
  int lines = 0, clipped = 0;
  for (std::string line; std::getline(file, line); ++lines) {
    std::istringstream numbers(line);
    double limit = 0, wanted_norm = 0;
    int step = -1;
    numbers >> limit >> step;
    for (float& gradient : gradients) numbers >> gradient;
    numbers >> wanted_norm;
    for (float& value : wanted) numbers >> value;
    ASSERT_TRUE(numbers) << line;
    if (step == 0) {
      values.assign(kStart.begin(), kStart.end());
      momentum.assign(kStart.size(), 0.0F);
    }
    std::array<double, 1> blocks{};
    sum_blocks_of_squares(gradients, blocks);
    const double norm = norm_of_blocks(blocks);
    EXPECT_NEAR(norm, wanted_norm, 1e-6 * wanted_norm) << line;
    const float factor = clipping_factor(norm, limit);
    clipped += factor < 1 ? 1 : 0;
    scale(gradients, factor);
    sgd_update({0.9F, 0.05F, true}, 0.1F, gradients, momentum, values);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      EXPECT_NEAR(values[i], wanted[i], 1e-6 * std::max(1.0F, std::abs(wanted[i]))) << line;
    }
  }
  EXPECT_EQ(lines, 20);
  EXPECT_GT(clipped, 5);
  EXPECT_LT(clipped, 20);
}

}  // namespace
}  // namespace resnext::worker
