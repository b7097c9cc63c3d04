#include "net/cpu/program.h"

#include <vector>

#include <gtest/gtest.h>

#include "net/complexity.h"
#include "net/cpu/kernels/kernel_set.h"
#include "tests/net/golden_training.h"
#include "tests/net/relative_error.h"

namespace resnext::net::cpu {
namespace {

/// The Engine seam gives logits only in evaluation; with the batch's own statistics a program must
/// be asked.
TEST(Program, TrainingLogitsAgreeWithPyTorch) {
  for (const std::string& model : golden_training_models()) {
    const GoldenTraining golden = read_golden_training(model);
    WeightStore weights(golden.graph, 1);
    weights.set_arena(golden.initial_parameters);
    const Batch batch = golden.steps[0].batch();
    Program program(golden.graph, kernel_set(), weights, golden.normalisation, {batch.size, true});
    weights.refresh();
    cpu::Run run{batch, 1.0F, weights.arena()};
    program.forward(run);
    EXPECT_LE(relative_error(program.output(0), golden.steps[0].logits), 1e-4) << model;
  }
}

/// What cannot be shared in training: of each convolution its output, which all that follows is
/// computed from again. A batch-norm's output is never in memory, a block's sum not for long.
std::size_t kept_activation_bytes(const Graph& graph, int images) {
  std::size_t values = 0;
  for (const Node& node : graph.nodes) {
    const bool kept = node.op == Op::kInput || node.op == Op::kConvolution;
    if (kept) values += node.output.count();
  }
  return values * images * sizeof(float);
}

TEST(Program, SharesMemoryOfGradientsAndInference) {
  const Graph graph = build_graph(parse_spec("resnext50_32x4d"), {3, 224, 224}, 1000);
  constexpr int kImages = 2;
  const auto bytes = [&](bool training) {
    WeightStore weights(graph, 1);
    const std::vector<float> mean(3, 0.5F);
    return Program(graph, kernel_set(), weights, {mean, mean}, {kImages, training}).memory_bytes();
  };
  const std::size_t kept = kept_activation_bytes(graph, kImages);
  EXPECT_GE(bytes(true), kept);
  EXPECT_LE(double(bytes(true)), 1.25 * double(kept));  // gradients alone would double it
  EXPECT_LE(double(bytes(false)), 0.2 * double(kept));  // a few layers' outputs at a time
}

}  // namespace
}  // namespace resnext::net::cpu
