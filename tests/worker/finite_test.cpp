#include "worker/finite.h"

#include <limits>
#include <vector>

#include <gtest/gtest.h>

namespace resnext::worker {
namespace {

using Limits = std::numeric_limits<float>;

TEST(AllFinite, LargestAndSmallestNumbersAre) {
  const std::vector<float> values{0, -0.0F, Limits::max(), Limits::lowest(), Limits::denorm_min()};
  EXPECT_TRUE(all_finite(values));
  EXPECT_TRUE(all_finite({}));
}

TEST(AllFinite, OneAnywhereIsFound) {
  for (const float bad : {Limits::infinity(), -Limits::infinity(), Limits::quiet_NaN(),
                          -Limits::quiet_NaN(), Limits::signaling_NaN()}) {
    for (std::size_t at = 0; at < 37; ++at) {
      std::vector<float> values(37, 1.0F);
      values[at] = bad;
      EXPECT_FALSE(all_finite(values)) << at;
    }
  }
}

}  // namespace
}  // namespace resnext::worker
