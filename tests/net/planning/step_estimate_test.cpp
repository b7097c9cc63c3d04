#include "net/planning/step_estimate.h"

#include <numeric>

#include <gtest/gtest.h>

namespace resnext::net {
namespace {

constexpr std::size_t kMibValues = (1 << 20) / sizeof(float);

DeviceFigures figures(double bandwidth = 1e9, double latency = 1e-6) {
  DeviceFigures figures;
  figures.gpus_per_node = 8;
  figures.nvlink_bandwidth = bandwidth;
  figures.nvlink_latency = latency;
  figures.network_bandwidth = bandwidth / 10;
  figures.network_latency = latency;
  return figures;
}

/// A second of computation; the first half of two MiB of gradients is there after 0.8 s.
ComputeProfile two_mib_profile() {
  ComputeProfile profile;
  profile.batch_size = 32;
  profile.parameters = 2 * kMibValues;
  profile.seconds = 1;
  profile.ready = {{kMibValues, 0.8}, {2 * kMibValues, 1}};
  profile.refresh_seconds = 0.125;
  profile.memory_bandwidth = 1e12;
  return profile;
}

ReductionScheme scheme(bool exact, double bucket_mib) {
  return {exact, bucket_mib, 4};
}

TEST(BucketSizes, AreThoseOfTheReduction) {
  EXPECT_EQ(bucket_sizes(10, scheme(false, 4 * 4.0 / (1 << 20)), 3),
            (std::vector<std::size_t>{4, 4, 2}));
  // Exact: a whole number of segments, here of two values.
  EXPECT_EQ(bucket_sizes(10, scheme(true, 4 * 4.0 / (1 << 20)), 3),
            (std::vector<std::size_t>{6, 4}));
  EXPECT_EQ(bucket_sizes(10, scheme(true, 1), 3), (std::vector<std::size_t>{10}));
}

TEST(ReductionSeconds, AddUpByHand) {
  const Interconnect two(figures(1000, 1), 2, 0);
  // Exact: segments of 50 values; three times 200 bytes summed, five times for SGD.
  EXPECT_DOUBLE_EQ(reduction_seconds(100, scheme(true, 1), two, 100),
                   (1 + 200.0 / 1000) + (600 + 1000) / 100.0 + (1 + 200.0 / 1000));
  EXPECT_DOUBLE_EQ(reduction_seconds(100, scheme(false, 1), two, 100),
                   2 * (1 + 200.0 / 1000) + 2000 / 100.0);
  ReductionScheme halves = scheme(false, 1);
  halves.bytes_per_gradient = 2;
  EXPECT_DOUBLE_EQ(reduction_seconds(100, halves, two, 100), 2 * (1 + 100.0 / 1000) + 2000 / 100.0);
}

TEST(ReductionSeconds, AreThoseOfTheUpdateOnOneGpu) {
  const Interconnect one(figures(), 1, 1);
  for (const bool exact : {false, true}) {
    EXPECT_DOUBLE_EQ(reduction_seconds(100, scheme(exact, 1), one, 100), 2000 / 100.0);
  }
}

TEST(EstimateStep, HidesAllButTheLastBucketBehindTheBackwardPass) {
  const ComputeProfile profile = two_mib_profile();
  const Interconnect two(figures(1e8), 2, 0);
  const double bucket = reduction_seconds(kMibValues, scheme(true, 1), two, 1e12);
  ASSERT_LT(bucket, 0.2);
  const StepEstimate step = estimate_step(profile, two, scheme(true, 1));
  EXPECT_DOUBLE_EQ(step.reduction, 2 * bucket);
  EXPECT_NEAR(step.exposed, bucket, 1e-12);
  EXPECT_NEAR(step.hidden(), bucket, 1e-12);
  EXPECT_NEAR(step.seconds, 1 + bucket + 0.125, 1e-12);
}

TEST(EstimateStep, QueuesBucketsThatAreSlowerThanTheBackwardPass) {
  const ComputeProfile profile = two_mib_profile();
  const Interconnect two(figures(1e6), 2, 0);
  const double bucket = reduction_seconds(kMibValues, scheme(true, 1), two, 1e12);
  ASSERT_GT(bucket, 0.2);
  EXPECT_NEAR(estimate_step(profile, two, scheme(true, 1)).seconds, 0.8 + 2 * bucket + 0.125, 1e-9);
}

TEST(EstimateStep, ReducesOneBucketOnlyAfterTheBackwardPass) {
  const Interconnect two(figures(1e8), 2, 0);
  const StepEstimate step = estimate_step(two_mib_profile(), two, scheme(true, 2));
  EXPECT_EQ(step.hidden(), 0);
  EXPECT_NEAR(step.exposed, step.reduction, 1e-12);
}

TEST(EstimateStep, IsComputationAloneWithAPerfectNetwork) {
  ComputeProfile profile = two_mib_profile();
  profile.memory_bandwidth = 1e30;
  for (const bool exact : {false, true}) {
    const Interconnect many(figures(1e30, 1e-30), 4096, 0);
    EXPECT_NEAR(estimate_step(profile, many, scheme(exact, 1)).seconds, 1.125, 1e-9);
  }
}

TEST(EstimateStep, GrowsWithTheGpusAndShrinksWithTheBandwidth) {
  for (const bool exact : {false, true}) {
    double before = 0;
    for (int gpus = 1; gpus <= 4096; gpus *= 2) {
      const Interconnect interconnect(figures(1e8), gpus, 1e-6);
      const double seconds =
          estimate_step(two_mib_profile(), interconnect, scheme(exact, 1)).seconds;
      EXPECT_GE(seconds, before) << gpus;
      before = seconds;
      const Interconnect faster(figures(2e8), gpus, 1e-6);
      EXPECT_LE(estimate_step(two_mib_profile(), faster, scheme(exact, 1)).seconds, seconds);
    }
  }
}

TEST(EstimateBestStep, IsNoSlowerThanAnyPowerOfTwo) {
  ComputeProfile profile = two_mib_profile();
  profile.parameters = 20 * kMibValues;
  profile.ready.clear();
  for (std::size_t mib = 1; mib <= 20; ++mib) {
    profile.ready.push_back({mib * kMibValues, 0.05 * double(mib)});
  }
  for (const int gpus : {2, 64, 4096}) {
    const Interconnect interconnect(figures(1e9, 1e-4), gpus, 1e-6);
    const StepEstimate best = estimate_best_step(profile, interconnect, scheme(true, 0));
    for (double mib = 1; mib <= 1024; mib *= 2) {
      EXPECT_LE(best.seconds, estimate_step(profile, interconnect, scheme(true, mib)).seconds);
    }
    EXPECT_EQ(best.seconds,
              estimate_step(profile, interconnect, scheme(true, best.bucket_mib)).seconds);
  }
  // Messages of few bytes: fewer and larger buckets.
  EXPECT_GT(estimate_best_step(profile, {figures(), 4096, 1e-4}, scheme(true, 0)).bucket_mib,
            estimate_best_step(profile, {figures(), 2, 1e-4}, scheme(true, 0)).bucket_mib);
}

}  // namespace
}  // namespace resnext::net
