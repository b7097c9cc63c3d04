#include "launcher/placement.h"

#include <numeric>

#include <gtest/gtest.h>

namespace resnext::launcher {
namespace {

PlacementRequest on_cores(int cores, int replicas) {
  PlacementRequest request;
  request.hosts = {Host{"", cores}};
  request.replicas = replicas;
  return request;
}

bool suits(int ranks, int replicas, bool exact, int accumulate = 1) {
  return ranks_suit_replicas(ranks, {.hosts = {},
                                     .ranks = {},
                                     .threads = {},
                                     .replicas = replicas,
                                     .accumulate = accumulate,
                                     .exact = exact});
}

TEST(RanksSuitReplicas, ExactlyTheWholeSubtrees) {
  std::vector<int> suitable;
  for (int ranks = 0; ranks <= 13; ++ranks) {
    if (suits(ranks, 12, true)) suitable.push_back(ranks);
  }
  EXPECT_EQ(suitable, (std::vector<int>{1, 3, 6, 12}));  // 2 x 6 and 4 x 3 cut through the tree
  suitable.clear();
  for (int ranks = 0; ranks <= 13; ++ranks) {
    if (suits(ranks, 12, false)) suitable.push_back(ranks);
  }
  EXPECT_EQ(suitable, (std::vector<int>{1, 2, 3, 4, 6, 12}));
}

TEST(RanksSuitReplicas, CountAccumulatedBatches) {
  EXPECT_TRUE(suits(2, 8, true, 4));
  EXPECT_FALSE(suits(2, 8, true, 3));  // 12 batches are no subtree
  EXPECT_TRUE(suits(1, 8, true, 3));
  EXPECT_TRUE(suits(2, 8, false, 3));
  EXPECT_EQ(
      place({.hosts = {{"", 8}}, .ranks = {}, .threads = {}, .replicas = 8, .accumulate = 3}).ranks,
      1);
}

TEST(Placement, ARankForEachGpu) {
  PlacementRequest request = on_cores(64, 8);
  request.gpus = 4;
  EXPECT_EQ(place(request).ranks, 4);
  EXPECT_EQ(place(request).threads, 16);
  request.gpus = 3;  // do not divide the replicas
  EXPECT_EQ(place(request).ranks, 2);
  request.gpus = 4;
  request.hosts = {Host{"a", 64}, Host{"b", 64}};
  EXPECT_EQ(place(request).ranks_on_host, (std::vector<int>{4, 4}));
  request.gpus = 0;
  EXPECT_EQ(place(request).threads, 16);
  request.hosts = {Host{"", 2}};
  request.gpus = 4;  // more than cores
  EXPECT_EQ(place(request).ranks, 4);
  EXPECT_EQ(place(request).threads, 1);
}

TEST(Placement, DefaultsForTheUsualMachines) {
  const auto placed = [](int cores, int replicas) {
    const Placement placement = place(on_cores(cores, replicas));
    return std::pair(placement.ranks, placement.threads);
  };
  EXPECT_EQ(placed(1, 8), std::pair(1, 1));
  EXPECT_EQ(placed(2, 8), std::pair(2, 1));
  EXPECT_EQ(placed(3, 8), std::pair(2, 1));
  EXPECT_EQ(placed(6, 8), std::pair(4, 1));
  EXPECT_EQ(placed(64, 8), std::pair(8, 8));
  EXPECT_EQ(placed(2, 1), std::pair(1, 2));
  EXPECT_EQ(placed(4, 6), std::pair(3, 1));
}

/// Every request up to 16 cores, 16 replicas, 16 ranks and 5 threads, given or not.
TEST(Placement, KeepsItsPromisesForEveryRequest) {
  for (int cores = 1; cores <= 16; ++cores) {
    for (int replicas = 1; replicas <= 16; ++replicas) {
      for (int ranks = 0; ranks <= 16; ++ranks) {
        for (int threads = 0; threads <= 5; ++threads) {
          PlacementRequest request = on_cores(cores, replicas);
          if (ranks > 0) request.ranks = ranks;
          if (threads > 0) request.threads = threads;
          const Placement placement = place(request);
          SCOPED_TRACE(::testing::Message() << cores << " cores, " << replicas << " replicas, "
                                            << ranks << " ranks, " << threads << " threads");
          ASSERT_GE(placement.threads, 1);
          ASSERT_EQ(placement.ranks_on_host, std::vector<int>{placement.ranks});
          ASSERT_EQ(placement.oversubscribed, placement.ranks * placement.threads > cores);
          if (threads > 0) {
            ASSERT_EQ(placement.threads, threads);
          }
          if (threads == 0 && placement.ranks <= cores) {
            ASSERT_LE(placement.ranks * placement.threads, cores);
            ASSERT_GT(placement.ranks * (placement.threads + 1), cores);  // none left idle
          }
          if (ranks > 0) {
            ASSERT_EQ(placement.ranks, ranks);
            continue;
          }
          ASSERT_TRUE(suits(placement.ranks, replicas, true));
          const int most = std::max(1, cores / std::max(1, threads));
          ASSERT_LE(placement.ranks, most);
          for (int more = placement.ranks + 1; more <= most; ++more) {
            ASSERT_FALSE(suits(more, replicas, true)) << more;
          }
        }
      }
    }
  }
}

TEST(Placement, SharesRanksAmongHostsByTheirCores) {
  PlacementRequest request;
  request.replicas = 8;
  request.hosts = {{"a", 3}, {"b", 3}};
  EXPECT_EQ(place(request).ranks_on_host, (std::vector<int>{2, 2}));
  request.hosts = {{"a", 12}, {"b", 4}};
  EXPECT_EQ(place(request).ranks_on_host, (std::vector<int>{6, 2}));
  EXPECT_EQ(place(request).threads, 2);
}

TEST(Placement, FillsNoHostBeyondItsCoresWhileAnotherHasRoom) {
  for (int a = 1; a <= 9; ++a) {
    for (int b = 1; b <= 9; ++b) {
      for (int threads = 1; threads <= std::min(a, b); ++threads) {
        for (int ranks = 1; ranks <= a / threads + b / threads; ++ranks) {
          PlacementRequest request;
          request.hosts = {{"a", a}, {"b", b}};
          request.ranks = ranks;
          request.threads = threads;
          const Placement placement = place(request);
          ASSERT_FALSE(placement.oversubscribed)
              << a << "+" << b << " cores, " << ranks << " ranks of " << threads;
          ASSERT_EQ(placement.ranks_on_host[0] + placement.ranks_on_host[1], ranks);
        }
      }
    }
  }
}

TEST(Placement, ObeysMoreRanksThanCores) {
  PlacementRequest request = on_cores(2, 8);
  request.ranks = 8;
  const Placement placement = place(request);
  EXPECT_EQ(placement.ranks, 8);
  EXPECT_EQ(placement.threads, 1);
  EXPECT_TRUE(placement.oversubscribed);
}

}  // namespace
}  // namespace resnext::launcher
