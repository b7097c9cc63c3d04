#include "worker/replica_sum.h"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace resnext::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::size_t kValues = 5;

/// Of magnitudes so different that almost any other order of additions gives other bits.
std::vector<std::vector<float>> gradients(int replicas) {
  std::mt19937 generator(17);
  std::uniform_real_distribution<float> mantissa(-1, 1), exponent(-12, 12);
  std::vector<std::vector<float>> values(replicas, std::vector<float>(kValues));
  for (auto& gradient : values) {
    for (float& value : gradient) value = std::ldexp(mantissa(generator), int(exponent(generator)));
  }
  return values;
}

/// The definition, on one value of each replica: neighbours are added in pairs, an odd one moves
/// up.
float tree_sum(std::vector<float> level) {
  while (level.size() > 1) {
    std::vector<float> next;
    for (std::size_t i = 0; i + 1 < level.size(); i += 2) next.push_back(level[i] + level[i + 1]);
    if (level.size() % 2 == 1) next.push_back(level.back());
    level = next;
  }
  return level.front();
}

std::vector<float> defined_sum(const std::vector<std::vector<float>>& gradients) {
  std::vector<float> sums;
  for (std::size_t i = 0; i < kValues; ++i) {
    std::vector<float> of_replicas;
    for (const auto& gradient : gradients) of_replicas.push_back(gradient[i]);
    sums.push_back(tree_sum(of_replicas));
  }
  return sums;
}

/// What a rank sums of its replicas, by and by.
std::vector<float> local_sum(LocalReplicaSum& sum, std::span<const std::vector<float>> gradients) {
  sum.reset();
  for (std::size_t replica = 0; replica < gradients.size(); ++replica) {
    std::copy(gradients[replica].begin(), gradients[replica].end(), sum.next_gradient().begin());
    if (replica + 1 < gradients.size()) sum.add();
  }
  sum.finish(0, 2);  // in pieces, as buckets fill
  sum.finish(2, kValues);
  return {sum.next_gradient().begin(), sum.next_gradient().end()};
}

std::vector<float> sum_on_ranks(const std::vector<std::vector<float>>& gradients, int ranks) {
  const int share = static_cast<int>(gradients.size()) / ranks;
  std::vector<std::vector<float>> locals;
  for (int rank = 0; rank < ranks; ++rank) {
    LocalReplicaSum sum(kValues, share);
    local_sum(sum, gradients);  // an earlier step leaves no trace
    locals.push_back(local_sum(sum, std::span(gradients).subspan(rank * share, share)));
  }
  std::vector<float*> parts;
  for (auto& local : locals) parts.push_back(local.data());
  sum_as_tree(parts, kValues);
  return locals.front();
}

TEST(ReplicaSum, IsTheTreeOnAnyAllowedNumberOfRanks) {
  for (int replicas = 1; replicas <= 24; ++replicas) {
    const auto values = gradients(replicas);
    const std::vector<float> wanted = defined_sum(values);
    for (const int ranks : exact_rank_counts(replicas)) {
      LocalReplicaSum whole(kValues, replicas);
      EXPECT_EQ(local_sum(whole, values), wanted) << replicas << " replicas on one rank";
      EXPECT_EQ(sum_on_ranks(values, ranks), wanted) << replicas << " replicas on " << ranks;
    }
  }
}

// Else the test above could not fail.
TEST(ReplicaSum, TheOrderMattersForTheseValues) {
  const auto values = gradients(8);
  std::vector<float> in_order(kValues, 0.0F);
  for (const auto& gradient : values) {
    for (std::size_t i = 0; i < kValues; ++i) in_order[i] += gradient[i];
  }
  EXPECT_NE(in_order, defined_sum(values));
  // Three ranks would sum three, three and two.
  auto uneven = values;
  uneven.resize(6);
  EXPECT_NE(sum_on_ranks(uneven, 2), defined_sum(uneven));
}

TEST(ReplicaSum, RankCounts) {
  EXPECT_THAT(exact_rank_counts(1), ElementsAre(1));
  EXPECT_THAT(exact_rank_counts(6), ElementsAre(1, 3, 6));
  EXPECT_THAT(exact_rank_counts(8), ElementsAre(1, 2, 4, 8));
  EXPECT_THAT(exact_rank_counts(12), ElementsAre(1, 3, 6, 12));
  EXPECT_THAT(exact_rank_counts(7), ElementsAre(1, 7));
}

TEST(ReplicaSum, RankCountsWhereReplicasAccumulate) {
  EXPECT_THAT(exact_rank_counts(4, 2), ElementsAre(1, 2, 4));  // no replica on two ranks
  EXPECT_THAT(exact_rank_counts(8, 3), ElementsAre(1));
  EXPECT_THAT(exact_rank_counts(6, 2), ElementsAre(1, 3, 6));
  EXPECT_EQ(why_not_exact(4, 2, 2), "");
  EXPECT_EQ(why_not_exact(4, 2, 3),
            "with 2 ranks each would sum 6 batches (--accumulate 3), which is no subtree of the "
            "exact reduction's balanced tree; use one of these rank counts: 1 (or other "
            "--replicas)");
}

TEST(ReplicaSum, ReasonsForRefusal) {
  EXPECT_EQ(why_not_exact(8, 4), "");
  EXPECT_EQ(why_not_exact(6, 1), "");
  EXPECT_EQ(why_not_exact(8, 3),
            "3 ranks cannot share 8 replicas evenly; use one of these rank counts: 1, 2, 4, 8 (or "
            "other --replicas)");
  EXPECT_THAT(why_not_exact(8, 16), HasSubstr("16 ranks cannot share 8 replicas evenly"));
  EXPECT_THAT(why_not_exact(6, 2), HasSubstr("with 2 ranks each would sum 3 replicas"));
  EXPECT_THAT(why_not_exact(6, 2), HasSubstr("1, 3, 6"));
}

}  // namespace
}  // namespace resnext::worker
