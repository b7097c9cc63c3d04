#include "data/sampler.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <stdexcept>

#include <gtest/gtest.h>

namespace resnext::data {
namespace {

std::vector<std::uint32_t> counting(std::size_t size) {
  std::vector<std::uint32_t> numbers(size);
  std::iota(numbers.begin(), numbers.end(), 0u);
  return numbers;
}

/// The samples of an epoch in the order of steps and, within them, of replicas.
std::vector<std::uint32_t> whole_epoch(Sampler& sampler, std::uint64_t epoch, int replicas) {
  std::vector<std::uint32_t> all;
  for (std::uint64_t step = 0; step < sampler.steps_per_epoch(); ++step)
    for (int replica = 0; replica < replicas; ++replica) {
      const auto samples = sampler.replica_samples(epoch, step, replica);
      all.insert(all.end(), samples.begin(), samples.end());
    }
  return all;
}

TEST(EpochPermutation, DependsOnSeedAndEpochOnly) {
  EXPECT_EQ(epoch_permutation(1, 2, 1000), epoch_permutation(1, 2, 1000));
  EXPECT_NE(epoch_permutation(1, 2, 1000), epoch_permutation(1, 3, 1000));
  EXPECT_NE(epoch_permutation(1, 2, 1000), epoch_permutation(2, 2, 1000));
  EXPECT_NE(epoch_permutation(1, 2, 1000), epoch_permutation(2, 1, 1000));
}

// The numbers are from a restatement in Python: runs must be repeatable on every machine, for ever.
TEST(EpochPermutation, IsPinned) {
  EXPECT_EQ(epoch_permutation(42, 7, 12),
            (std::vector<std::uint32_t>{9, 2, 1, 7, 11, 10, 6, 3, 8, 5, 4, 0}));
}

TEST(EpochPermutation, IsAPermutation) {
  for (const std::size_t size : {0, 1, 3, 1000, 60000}) {
    auto order = epoch_permutation(5, 1, size);
    EXPECT_TRUE(size < 10 || order != counting(size));
    std::sort(order.begin(), order.end());
    EXPECT_EQ(order, counting(size));
  }
}

TEST(EpochPermutation, IsUniformOverAllOrders) {
  std::map<std::vector<std::uint32_t>, int> counts;
  constexpr int kEpochs = 12000;
  for (std::uint64_t epoch = 1; epoch <= kEpochs; ++epoch) ++counts[epoch_permutation(3, epoch, 5)];
  ASSERT_EQ(counts.size(), 120u);
  double chi_square = 0;
  for (const auto& [order, count] : counts) chi_square += (count - 100.0) * (count - 100.0) / 100.0;
  EXPECT_LT(chi_square, 185.0);  // 119 degrees of freedom: 1 in 10,000
}

TEST(Sampler, CoversEverySampleOnceWhateverTheSizes) {
  for (const std::size_t size : {1, 2, 7, 31, 256, 257, 1001})
    for (const int replicas : {1, 2, 3, 4, 8})
      for (const int batch : {1, 4, 32}) {
        Sampler sampler({size, replicas, batch, 9, true});
        std::vector<std::uint32_t> all = whole_epoch(sampler, 1, replicas);
        std::sort(all.begin(), all.end());
        EXPECT_EQ(all, counting(size)) << size << " in " << replicas << " of " << batch;
      }
}

TEST(Sampler, SpreadsAPartialBatchEvenlyFirstReplicasFirst) {
  Sampler sampler({32 + 11, 4, 8, 0, true});
  EXPECT_EQ(sampler.steps_per_epoch(), 2u);
  EXPECT_EQ(sampler.global_batch(0), 32u);
  EXPECT_EQ(sampler.global_batch(1), 11u);
  for (int replica = 0; replica < 4; ++replica) {
    EXPECT_EQ(sampler.replica_samples(1, 0, replica).size(), 8u);
    EXPECT_EQ(sampler.replica_samples(1, 1, replica).size(), replica < 3 ? 3u : 2u);
  }
  Sampler tiny({2, 4, 8, 0, true});
  EXPECT_EQ(tiny.replica_samples(1, 0, 1).size(), 1u);
  EXPECT_TRUE(tiny.replica_samples(1, 0, 2).empty());
}

// The paper's ImageNet epoch: 5,005 iterations of 256, the last of 143.
TEST(Sampler, CutsImageNetAsThePaperDoes) {
  const Sampler sampler({1281167, 8, 32, 0, true});
  EXPECT_EQ(sampler.steps_per_epoch(), 5005u);
  EXPECT_EQ(sampler.global_batch(5003), 256u);
  EXPECT_EQ(sampler.global_batch(5004), 143u);
}

// A global batch is the same samples in the same order, however many replicas share it.
TEST(Sampler, GlobalBatchesDoNotDependOnTheReplicas) {
  Sampler one({1000, 1, 32, 4, true}), four({1000, 4, 8, 4, true}), eight({1000, 8, 4, 4, true});
  const auto expected = whole_epoch(one, 3, 1);
  EXPECT_EQ(expected, epoch_permutation(4, 3, 1000));
  EXPECT_EQ(whole_epoch(four, 3, 4), expected);
  EXPECT_EQ(whole_epoch(eight, 3, 8), expected);
}

// Ranks own replicas in any layout, resume in any epoch, and ask in any order.
TEST(Sampler, AnswersDoNotDependOnWhatWasAskedBefore) {
  const Sampler::Options options{500, 8, 8, 2, true};
  Sampler in_order(options), jumping(options);
  std::map<std::pair<std::uint64_t, int>, std::vector<std::uint32_t>> expected;
  for (std::uint64_t epoch = 1; epoch <= 3; ++epoch)
    for (int replica = 0; replica < 8; ++replica)
      expected[{epoch, replica}] = in_order.replica_samples(epoch, 5, replica);
  for (int replica = 7; replica >= 0; --replica)
    for (const std::uint64_t epoch : {3, 1, 2}) {
      EXPECT_EQ(jumping.replica_samples(epoch, 5, replica), (expected[{epoch, replica}]));
      EXPECT_EQ(Sampler(options).replica_samples(epoch, 5, replica), (expected[{epoch, replica}]));
    }
}

TEST(Sampler, EpochsDiffer) {
  Sampler sampler({1000, 2, 50, 1, true});
  EXPECT_NE(whole_epoch(sampler, 1, 2), whole_epoch(sampler, 2, 2));
}

TEST(Sampler, WithoutShufflingTheOrderIsTheDataSets) {
  Sampler sampler({103, 3, 7, 1, false});
  EXPECT_EQ(whole_epoch(sampler, 1, 3), counting(103));
  EXPECT_EQ(whole_epoch(sampler, 2, 3), counting(103));
}

TEST(Sampler, RefusesWhatHasNoAnswer) {
  EXPECT_THROW(Sampler({0, 1, 1, 0, true}), std::invalid_argument);
  EXPECT_THROW(Sampler({10, 0, 1, 0, true}), std::invalid_argument);
  EXPECT_THROW(Sampler({10, 1, 0, 0, true}), std::invalid_argument);
  Sampler sampler({10, 2, 4, 0, true});
  EXPECT_THROW(sampler.replica_samples(1, 2, 0), std::out_of_range);
  EXPECT_THROW(sampler.replica_samples(1, 0, 2), std::out_of_range);
  EXPECT_THROW(sampler.replica_samples(1, 0, -1), std::out_of_range);
}

}  // namespace
}  // namespace resnext::data
