#include "net/memory_plan.h"

#include <algorithm>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace resnext::net {
namespace {

struct Life {
  std::size_t bytes;
  int first, last;
};

bool meet(const Life& a, const Life& b) {
  return a.first <= b.last && b.first <= a.last;
}

/// The most bytes alive at one time: no plan can be smaller.
std::size_t peak(const std::vector<Life>& lives, int times) {
  std::size_t most = 0;
  for (int time = 0; time < times; ++time) {
    std::size_t alive = 0;
    for (const Life& life : lives) {
      if (life.first <= time && time <= life.last) {
        alive += (life.bytes + kBufferAlignment - 1) / kBufferAlignment * kBufferAlignment;
      }
    }
    most = std::max(most, alive);
  }
  return most;
}

// 640 with the largest first, 576 with those first that live longest.
TEST(MemoryPlan, TakesTheOrderThatTakesLess) {
  MemoryPlan plan;
  for (const Life& life : {Life{256, 1, 1}, {256, 1, 4}, {192, 2, 2}, {128, 2, 4}}) {
    plan.use(plan.add(life.bytes, life.first), life.last);
  }
  plan.place();
  EXPECT_EQ(plan.total_bytes(), 576U);
}

TEST(MemoryPlan, BuffersAliveTogetherNeverOverlap) {
  constexpr int kTimes = 60;
  std::mt19937 random(1);
  for (int trial = 0; trial < 200; ++trial) {
    MemoryPlan plan;
    std::vector<Life> lives;
    for (int i = 0; i < 50; ++i) {
      const int begin = static_cast<int>(random() % kTimes),
                end = static_cast<int>(random() % kTimes);
      const Life life{random() % 10 == 0 ? 0 : random() % 5000, std::min(begin, end),
                      std::max(begin, end)};
      lives.push_back(life);
      const BufferId id = plan.add(life.bytes, begin);
      plan.use(id, end);
    }
    plan.place();
    for (int i = 0; i < 50; ++i) {
      EXPECT_EQ(plan.offset(i) % kBufferAlignment, 0u);
      EXPECT_GE(plan.bytes(i), lives[i].bytes);
      EXPECT_LE(plan.offset(i) + plan.bytes(i), plan.total_bytes());
      for (int j = 0; j < i; ++j) {
        if (!meet(lives[i], lives[j])) continue;
        EXPECT_TRUE(plan.offset(i) + lives[i].bytes <= plan.offset(j) ||
                    plan.offset(j) + lives[j].bytes <= plan.offset(i))
            << "buffers " << i << " and " << j << ", trial " << trial;
      }
    }
    EXPECT_GE(plan.total_bytes(), peak(lives, kTimes));
    EXPECT_LE(plan.total_bytes(), plan.unshared_bytes());
    EXPECT_LE(double(plan.total_bytes()), 1.5 * double(peak(lives, kTimes))) << "trial " << trial;
  }
}

TEST(MemoryPlan, SharesMemoryAcrossTime) {
  MemoryPlan plan;
  for (int time = 0; time < 10; ++time) plan.use(plan.add(1000, time), time + 1);
  plan.place();
  EXPECT_EQ(plan.unshared_bytes(), 10u * 1024u);
  EXPECT_EQ(plan.total_bytes(), 2u * 1024u);
}

TEST(MemoryPlan, UseReachesBackAsWellAsForward) {
  MemoryPlan plan;
  const BufferId late = plan.add(64, 9), early = plan.add(64, 2);
  plan.use(late, 1);
  plan.place();
  EXPECT_NE(plan.offset(late), plan.offset(early));
}

}  // namespace
}  // namespace resnext::net
