#include "net/cpu/program.h"

#include <vector>

#include <gtest/gtest.h>

#include "net/complexity.h"
#include "tests/net/golden_training.h"
#include "tests/net/relative_error.h"

namespace resnext::net::cpu {
namespace {

/// The Engine seam gives logits only in evaluation; with the batch's own statistics a program must
/// be asked.
TEST(Program, TrainingLogitsAgreeWithPyTorch) {
  for (const std::string& model : golden_training_models()) {
    const GoldenTraining golden = read_golden_training(model);
    const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
    dnnl::stream stream(engine);
    WeightStore weights(golden.graph, engine);
    weights.set_arena(golden.initial_parameters);
    const Batch batch = golden.steps[0].batch();
    Program program(golden.graph, engine, weights, golden.normalisation, batch.size, true);
    weights.refresh(stream);
    cpu::Run run{stream, batch, 1.0F, weights.arena()};
    program.forward(run);
    EXPECT_LE(relative_error(program.output(0), golden.steps[0].logits), 1e-4) << model;
  }
}

/// What cannot be shared in training: of each convolution its output (for batch-norm's backward
/// pass) and what a norm-residual layer makes of it (for the next convolution's).
std::size_t kept_activation_bytes(const Graph& graph, int images) {
  std::size_t values = 0;
  for (const Node& node : graph.nodes) {
    const bool kept = node.op == Op::kInput || node.op == Op::kConvolution || node.op == Op::kRelu;
    if (kept) values += node.output.count();
  }
  return values * images * sizeof(float);
}

TEST(Program, SharesMemoryOfGradientsAndInference) {
  const Graph graph = build_graph(parse_spec("resnext50_32x4d"), {3, 224, 224}, 1000);
  constexpr int kImages = 2;
  const auto bytes = [&](bool training) {
    const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
    WeightStore weights(graph, engine);
    const std::vector<float> mean(3, 0.5F);
    return Program(graph, engine, weights, {mean, mean}, kImages, training).memory_bytes();
  };
  const std::size_t kept = kept_activation_bytes(graph, kImages);
  EXPECT_GE(bytes(true), kept);
  EXPECT_LE(double(bytes(true)), 1.25 * double(kept));  // gradients alone would double it
  EXPECT_LE(double(bytes(false)), 0.2 * double(kept));  // a few layers' outputs at a time
}

}  // namespace
}  // namespace resnext::net::cpu
