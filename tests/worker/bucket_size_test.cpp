#include "worker/comm/bucket_size.h"

#include <gtest/gtest.h>

namespace resnext::worker {
namespace {

TEST(BucketSize, IsTheSameOnFewRanks) {
  EXPECT_EQ(usual_bucket_mib(1), usual_bucket_mib(2));
  EXPECT_EQ(usual_bucket_mib(1), usual_bucket_mib(64));
}

TEST(BucketSize, GrowsWithManyRanksSoThatMessagesDoNotShrink) {
  const double message = usual_bucket_mib(64) / 64;
  EXPECT_DOUBLE_EQ(usual_bucket_mib(512) / 512, message);
  EXPECT_DOUBLE_EQ(usual_bucket_mib(4096) / 4096, message);
}

TEST(BucketSize, IsInValuesOfFourBytes) {
  EXPECT_EQ(bucket_values(2, 1), 524288u);
  EXPECT_EQ(bucket_values(2, 4096), 524288u);  // what the user says holds
  EXPECT_EQ(bucket_values(0, 8), static_cast<std::size_t>(usual_bucket_mib(8) * 262144));
  EXPECT_EQ(bucket_values(1e-9, 1), 1u);
}

}  // namespace
}  // namespace resnext::worker
