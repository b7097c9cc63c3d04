#include "net/planning/interconnect.h"

#include <gtest/gtest.h>

namespace resnext::net {
namespace {

/// Four GPUs a node; figures that one can compute with in one's head.
DeviceFigures easy_figures() {
  DeviceFigures figures;
  figures.gpus_per_node = 4;
  figures.nvlink_bandwidth = 100;
  figures.nvlink_latency = 1;
  figures.network_bandwidth = 10;
  figures.network_latency = 5;
  return figures;
}

Interconnect of(int gpus, double message_gap = 0) {
  return {easy_figures(), gpus, message_gap};
}

TEST(Interconnect, CostsNothingForOneGpu) {
  EXPECT_EQ(of(1, 1).exchange(1000), 0);
  EXPECT_EQ(of(1).gather(1000), 0);
  EXPECT_EQ(of(1).ring_all_reduce(1000), 0);
  EXPECT_EQ(of(1).tree_all_reduce(1000), 0);
}

TEST(Interconnect, JoinsTwoGpusByNvlink) {
  EXPECT_DOUBLE_EQ(of(2).exchange(500), 1 + 500.0 / 100);
  EXPECT_DOUBLE_EQ(of(2).gather(1000), 1 + 500.0 / 100);  // one step, half of the data
  EXPECT_DOUBLE_EQ(of(2).ring_all_reduce(1000), 2 * (1 + 500.0 / 100));
  EXPECT_DOUBLE_EQ(of(2).tree_all_reduce(1000), 2 * 1 + 2 * 1000.0 / 100);
  EXPECT_DOUBLE_EQ(of(2).all_reduce(1000), 12);
}

/// Eight GPUs on two nodes: seven steps of a ring, of which one leaves the node through four ports.
TEST(Interconnect, PassesRingsThroughAllPortsOfANode) {
  EXPECT_DOUBLE_EQ(of(8).gather(800), (5 + 6 * 1) + 700.0 / 40);
  EXPECT_DOUBLE_EQ(of(8).tree_all_reduce(800), 2 * (1 * 5 + 3 * 1) + 2 * 800.0 / 40);
}

TEST(Interconnect, LetsTheSlowerOfNvlinkAndPortsBoundARing) {
  DeviceFigures figures = easy_figures();
  figures.network_bandwidth = 1000;
  EXPECT_DOUBLE_EQ(Interconnect(figures, 8, 0).gather(800), (5 + 6 * 1) + 700.0 / 100);
}

/// Three messages by NVLink, four by the GPU's own port, at once.
TEST(Interconnect, SendsAnExchangeThroughAGpusOwnPort) {
  EXPECT_DOUBLE_EQ(of(8).exchange(100), 5 + 4 * 100.0 / 10);
  DeviceFigures figures = easy_figures();
  figures.nvlink_bandwidth = 5;
  EXPECT_DOUBLE_EQ(Interconnect(figures, 8, 0).exchange(100), 5 + 3 * 100.0 / 5);
}

TEST(Interconnect, CannotIssueMessagesFasterThanTheGap) {
  EXPECT_DOUBLE_EQ(of(8, 2).exchange(0.1), 5 + 7 * 2);
  EXPECT_DOUBLE_EQ(of(8, 2).exchange(100), 5 + 40);  // the port is busier
}

TEST(Interconnect, TakesTreesForLittleAndRingsForMuch) {
  EXPECT_EQ(of(64).all_reduce(1), of(64).tree_all_reduce(1));
  EXPECT_LT(of(64).tree_all_reduce(1), of(64).ring_all_reduce(1));
  EXPECT_EQ(of(64).all_reduce(1e6), of(64).ring_all_reduce(1e6));
  EXPECT_LT(of(64).ring_all_reduce(1e6), of(64).tree_all_reduce(1e6));
  EXPECT_DOUBLE_EQ(of(64).tree_all_reduce(0), 2 * (4 * 5 + 3 * 1));  // 16 nodes: four levels
  EXPECT_DOUBLE_EQ(of(68).tree_all_reduce(0), 2 * (5 * 5 + 3 * 1));  // 17: a fifth
}

}  // namespace
}  // namespace resnext::net
