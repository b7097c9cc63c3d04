#include "worker/moving_average.h"

#include <gtest/gtest.h>

namespace resnext::worker {
namespace {

TEST(MovingAverage, StartsAsACopy) {
  std::vector<float> average;
  const std::vector<float> values = {1.5F, -2};
  move_average(0.9, values, average);
  EXPECT_EQ(average, values);
}

TEST(MovingAverage, KeepsTheDecayAndTakesTheRest) {
  std::vector<float> average = {1, -4}, values = {2, 8};
  move_average(0.75, values, average);
  EXPECT_EQ(average, (std::vector<float>{1.25F, -1}));
}

// 1 - decay is taken in double: in float it would be off by some percent for such decays.
TEST(MovingAverage, TakesTinySharesExactly) {
  std::vector<float> average = {0};
  move_average(0.9999999, std::vector<float>{1}, average);
  EXPECT_NEAR(average[0], 1e-7, 1e-13);
}

}  // namespace
}  // namespace resnext::worker
