#include "net/cuda/roofline.h"

#include <cmath>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "net/complexity.h"
#include "net/spec.h"

namespace resnext::net::cuda {
namespace {

constexpr int kBatch = 4;

/// Eight channels and classes in eights: nothing is padded.
Graph unpadded(const std::string& model) {
  const Spec spec = parse_spec(model);
  const int side = usual_input_side(spec);
  return build_graph(spec, {8, side, side}, 1000);
}

double flops(const DeviceProgram& program) {
  double sum = 0;
  for (const StepCost& cost : step_costs(program)) sum += cost.flops;
  return sum;
}

double multiply_adds(const Node& node, const Graph& graph) {
  return double(node_complexity(graph, node).multiply_adds);
}

/// Of the one step of that name.
StepCost cost_of(const DeviceProgram& program, const std::string& name) {
  const std::vector<StepCost> costs = step_costs(program);
  for (std::size_t i = 0; i < costs.size(); ++i) {
    if (program.steps[i].name == name) return costs[i];
  }
  throw std::logic_error("no step " + name);
}

class RooflineOfModels : public testing::TestWithParam<const char*> {};

TEST_P(RooflineOfModels, ForwardPassesCostTwoForAMultiplyAdd) {
  const Graph graph = unpadded(GetParam());
  const double expected = 2.0 * kBatch * double(graph_complexity(graph).multiply_adds);
  EXPECT_EQ(flops(lower(graph, kBatch, DataType::kBf16, false)), expected);
}

TEST_P(RooflineOfModels, BackwardPassesCostTwiceTheForwardOneButForTheImagesGradient) {
  const Graph graph = unpadded(GetParam());
  const double forward = flops(lower(graph, kBatch, DataType::kBf16, false));
  const double first = 2.0 * kBatch * multiply_adds(graph.nodes.at(1), graph);
  ASSERT_EQ(graph.nodes.at(1).op, Op::kConvolution);
  EXPECT_EQ(flops(lower(graph, kBatch, DataType::kBf16, true)), 3 * forward - first);
}

INSTANTIATE_TEST_SUITE_P(Roofline, RooflineOfModels,
                         testing::Values("resnet50", "resnext50_32x4d", "resnext101_2x64d",
                                         "resnext29_8x64d_cifar", "wrn28_10_cifar",
                                         "resnet50_noshortcut"));

TEST(RooflineTest, CountsThePaddingOfColours) {
  const Graph graph = build_graph(parse_spec("resnet50"), {3, 224, 224}, 1000);
  const double padding = 2.0 * kBatch * 112 * 112 * 64 * 49 * (8 - 3);
  EXPECT_EQ(flops(lower(graph, kBatch, DataType::kBf16, false)),
            2.0 * kBatch * double(graph_complexity(graph).multiply_adds) + padding);
}

/// 4 images of 3x32x32; a stem of 64 channels.
class RooflineOfSteps : public testing::Test {
 protected:
  static constexpr double kPixels = kBatch * 32 * 32;
  Graph graph = build_graph(parse_spec("resnet11_cifar"), {3, 32, 32}, 10);
  DeviceProgram training = lower(graph, kBatch, DataType::kBf16, true);
  DeviceProgram inference = lower(graph, kBatch, DataType::kBf16, false);

  double bytes(const std::string& step) const { return cost_of(training, step).bytes; }
};

TEST_F(RooflineOfSteps, ConvolutionsTouchEachTensorOnce) {
  const StepCost cost = cost_of(training, "conv1");
  EXPECT_EQ(cost.flops, 2 * kPixels * 64 * 8 * 9);
  EXPECT_EQ(cost.bytes, 2 * (kPixels * 8 + 64 * 8 * 9 + kPixels * 64));
  EXPECT_EQ(cost_of(training, "conv1 backward weights").bytes, cost.bytes);
}

TEST_F(RooflineOfSteps, BatchNormReadsAndWritesItsValueAndAMaskOfBits) {
  const double vectors = 8 * 64 * 4;  // scale, bias, four running, mean, deviation: fp32
  EXPECT_EQ(bytes("bn1"), 2 * 2 * kPixels * 64 + kPixels * 64 / 8 + vectors);
  EXPECT_EQ(cost_of(training, "bn1").flops, 0);
  // Inference combines: one value in, one out.
  EXPECT_EQ(cost_of(inference, "relu").bytes, 2 * 2 * kPixels * 64);
}

TEST_F(RooflineOfSteps, OwnKernelsMoveWhatTheyReadAndWrite) {
  EXPECT_EQ(bytes("images"), 4 * kPixels * 3 + 2 * kPixels * 8);
  EXPECT_EQ(bytes("avgpool"), 2 * kBatch * (8 * 8 * 1024 + 1024));
}

TEST_F(RooflineOfSteps, GradientsAreExportedOnce) {
  const std::vector<StepCost> costs = step_costs(training);
  double exported = 0;
  for (std::size_t i = 0; i < costs.size(); ++i) {
    if (training.steps[i].name == "export gradients") exported += costs[i].bytes;
  }
  EXPECT_EQ(exported, double(graph.parameter_count) * (2 + 4));  // bf16 in, fp32 out
}

TEST(RooflineTest, UpdatesMoveWeightsMomentumAndGradients) {
  EXPECT_EQ(update_cost(1000, DataType::kBf16).bytes, 1000 * (6 * 4 + 2));
  EXPECT_EQ(update_cost(1000, DataType::kFloat).bytes, 1000 * (6 * 4 + 4));
  EXPECT_EQ(update_cost(1000, DataType::kBf16).flops, 0);
}

TEST(RooflineTest, TimeIsTheLongerOfComputeAndTraffic) {
  DeviceFigures figures;
  figures.memory_bandwidth = 10;
  figures.bf16_flops = 400;
  figures.tf32_flops = 200;
  figures.fp32_flops = 20;
  const StepCost cost{.flops = 800, .bytes = 30};
  EXPECT_EQ(least_time(cost, figures, Precision::kBf16), 3);  // traffic
  EXPECT_EQ(least_time(cost, figures, Precision::kTf32), 4);
  EXPECT_EQ(least_time(cost, figures, Precision::kFp32), 40);
  // Step by step: what one step spares of traffic, another cannot use for compute.
  EXPECT_EQ(least_time({{800, 0}, {0, 30}}, figures, Precision::kBf16), 2 + 3);
}

}  // namespace
}  // namespace resnext::net::cuda
