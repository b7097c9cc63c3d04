#include "net/complexity.h"

#include <string>

#include <gtest/gtest.h>

namespace resnext::net {
namespace {

Complexity cost_of(const std::string& name, Shape input = {3, 224, 224}, int classes = 1000) {
  return graph_complexity(build_graph(parse_spec(name), input, classes));
}

Complexity cifar_cost_of(const std::string& name, int classes = 10) {
  return cost_of(name, {3, 32, 32}, classes);
}

TEST(GraphComplexity, CountsThePublishedParametersExactly) {
  EXPECT_EQ(cost_of("resnet50").parameters, 25'557'032U);
  EXPECT_EQ(cost_of("resnext50_32x4d").parameters, 25'028'904U);
  EXPECT_EQ(cost_of("resnet101").parameters, 44'549'160U);
  EXPECT_EQ(cost_of("resnext101_32x4d").parameters, 44'177'704U);
  EXPECT_EQ(cost_of("resnext101_64x4d").parameters, 83'455'272U);
  EXPECT_EQ(cost_of("resnet152").parameters, 60'192'808U);         // torchvision
  EXPECT_EQ(cost_of("resnext101_32x8d").parameters, 88'791'336U);  // torchvision
}

TEST(GraphComplexity, CountsTheOtherFamiliesExactly) {
  EXPECT_EQ(cost_of("resnet18").parameters, 11'689'512U);  // torchvision
  EXPECT_EQ(cost_of("resnet34").parameters, 21'797'672U);  // torchvision
  // pytorchcv's preresnet200, 64,666,280, has a batch-norm of 64 channels more in its first block.
  EXPECT_EQ(cost_of("resnet200_preact").parameters, 64'666'280U - 2 * 64);
  EXPECT_EQ(cifar_cost_of("wrn28_10_cifar").parameters, 36'479'194U);       // Zagoruyko's code
  EXPECT_EQ(cifar_cost_of("wrn28_10_cifar", 100).parameters, 36'536'884U);  // likewise
  // He et al. 2015, Table 6: 0.27M, here with shortcuts of type A.
  EXPECT_EQ(cifar_cost_of("resnet20_basic_cifar_w16_shortcut_a").parameters, 269'722U);
}

/// Removing the shortcuts removes the four projections and nothing else.
TEST(GraphComplexity, LosesOnlyProjectionsWithoutShortcuts) {
  std::uint64_t projections = 0;
  int inputs = 64;
  for (const int outputs : {256, 512, 1024, 2048}) {
    projections += std::uint64_t(inputs) * outputs + 2 * outputs;
    inputs = outputs;
  }
  for (const std::string name : {"resnet50", "resnext50_32x4d"}) {
    EXPECT_EQ(cost_of(name).parameters - cost_of(name + "_noshortcut").parameters, projections);
  }
}

TEST(GraphComplexity, IsThatOfTable4InEachOfItsNets) {
  for (const char* name :
       {"resnet200_preact", "resnet101_1x100d", "resnext101_2x64d", "resnext101_64x4d"}) {
    EXPECT_NEAR(double(cost_of(name).multiply_adds), 15.2e9, 0.35e9) << name;
  }
}

/// Table 3: all rows of a depth cost the same within a few percent.
TEST(GraphComplexity, IsPreservedAlongTable3) {
  for (const std::string depth : {"50", "101"}) {
    const Complexity base = cost_of("resnet" + depth);
    for (const char* paths : {"_2x40d", "_4x24d", "_8x14d", "_32x4d"}) {
      const Complexity cost = cost_of("resnext" + depth + paths);
      EXPECT_NEAR(double(cost.parameters) / double(base.parameters), 1, 0.025) << depth << paths;
      EXPECT_NEAR(double(cost.multiply_adds) / double(base.multiply_adds), 1, 0.045)
          << depth << paths;
    }
  }
}

TEST(GraphComplexity, CountsTheParametersOfTables4And7) {
  EXPECT_NEAR(double(cost_of("resnet101_1x100d").parameters), 85.6e6, 0.05e6);
  EXPECT_NEAR(double(cost_of("resnext101_2x64d").parameters), 84.2e6, 0.05e6);
  EXPECT_NEAR(double(cifar_cost_of("resnext29_8x64d_cifar").parameters), 34.4e6, 0.05e6);
  EXPECT_NEAR(double(cifar_cost_of("resnext29_16x64d_cifar").parameters), 68.1e6, 0.1e6);
}

TEST(GraphComplexity, CountsThePapersFlops) {
  EXPECT_NEAR(double(cost_of("resnet50").multiply_adds), 4.1e9, 0.05e9);
  EXPECT_NEAR(double(cost_of("resnext50_32x4d").multiply_adds), 4.2e9, 0.05e9);
  EXPECT_NEAR(double(cost_of("resnet101_1x100d").multiply_adds), 15.3e9, 0.3e9);
  EXPECT_NEAR(double(cost_of("resnext101_2x64d").multiply_adds), 15.1e9, 0.3e9);
}

/// Table 2: one block of conv2 has about 70k parameters and 0.22 GFLOPs whatever the cardinality.
TEST(GraphComplexity, IsPreservedAlongTable2) {
  for (const char* name :
       {"resnet50", "resnext50_2x40d", "resnext50_4x24d", "resnext50_8x14d", "resnext50_32x4d"}) {
    const Graph graph = build_graph(parse_spec(name), {3, 224, 224}, 1000);
    Complexity block;
    for (const Node& node : graph.nodes) {
      if (node.name.starts_with("layer1.1.") && node.op == Op::kConvolution) {
        block += node_complexity(graph, node);
      }
    }
    EXPECT_NEAR(double(block.parameters), 70e3, 2e3) << name;
    EXPECT_NEAR(double(block.multiply_adds), 0.22e9, 0.008e9) << name;
  }
}

TEST(GraphComplexity, CountsTheLaptopScaleNet) {
  const Complexity cost = cost_of("resnext11_4x4d_cifar_w16", {1, 28, 28}, 10);
  EXPECT_NEAR(double(cost.parameters), 91e3, 0.5e3);
  EXPECT_NEAR(double(cost.multiply_adds), 11.3e6, 0.05e6);
}

TEST(GraphComplexity, CountsActivationsWithoutReluAndInput) {
  const Graph graph = build_graph(parse_spec("resnext11_4x4d_cifar_w16"), {1, 28, 28}, 10);
  // By hand: stem conv + bn; per block 2*(1x1) + 2*(3x3) + 2*(1x1) + 2*(projection) + add.
  const std::uint64_t stem = 2 * 16 * 28 * 28;
  const std::uint64_t block1 = (4 * 16 + 5 * 64) * 28 * 28;
  const std::uint64_t block2 = 2 * 32 * 28 * 28 + (2 * 32 + 5 * 128) * 14 * 14;
  const std::uint64_t block3 = 2 * 64 * 14 * 14 + (2 * 64 + 5 * 256) * 7 * 7;
  const std::uint64_t head = 256 + 10 + 1;
  EXPECT_EQ(graph_complexity(graph).activation_values, stem + block1 + block2 + block3 + head);
}

/// The largest net and image that are accepted stay far from the end of 64 bits.
TEST(GraphComplexity, DoesNotOverflowAtTheLimits) {
  const Complexity cost = cost_of("resnet992_1x4096d_cifar_w1024", {1024, 4096, 4096}, 1'000'000);
  EXPECT_GT(double(cost.multiply_adds), 1e17);
  EXPECT_LT(double(cost.multiply_adds), 9e18);
  EXPECT_GT(double(cost.parameters), 1e11);
  EXPECT_LT(double(cost.activation_values) * 4 * 16384, 1.8e19);
}

TEST(NodeComplexity, CountsGroupsAndBatchNorm) {
  const Graph graph = build_graph(parse_spec("resnext50_32x4d"), {3, 224, 224}, 1000);
  for (const Node& node : graph.nodes) {
    const Complexity cost = node_complexity(graph, node);
    if (node.name == "layer1.0.conv2") {
      EXPECT_EQ(cost, (Complexity{128 * 4 * 9, 128ULL * 4 * 9 * 56 * 56, 128 * 56 * 56}));
    }
    if (node.name == "layer1.0.bn2") {
      EXPECT_EQ(cost, (Complexity{2 * 128, 0, 128 * 56 * 56}));
    }
    if (node.name == "layer1.0.relu2") {
      EXPECT_EQ(cost, Complexity{});
    }
    if (node.name == "fc") {
      EXPECT_EQ(cost, (Complexity{2'049'000, 2'048'000, 1000}));
    }
  }
}

}  // namespace
}  // namespace resnext::net
