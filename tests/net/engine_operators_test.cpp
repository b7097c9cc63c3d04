// The engine against the reference: every op, the combinations it fuses, and random graphs.

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "net/engine.h"
#include "tests/net/engine_under_test.h"
#include "tests/net/hand_built_graph.h"
#include "tests/net/reference_network.h"
#include "tests/net/relative_error.h"
#include "tests/net/training_sample.h"

namespace resnext::net {
namespace {

constexpr double kTolerance = 2e-4;  // without fused multiply-add, one random graph has 1.05e-4
constexpr int kImages = 3;
constexpr float kLossScale = 0.25F;

template <typename Values>
auto slice(const Values& values, std::size_t offset, std::size_t count) {
  return Values(values.begin() + offset, values.begin() + offset + count);
}

/// Relative to the largest expected value, but to no less than `floor`: some gradients are zero but
/// for rounding (a shift before a batch-norm).
void expect_close(const std::vector<float>& actual, std::vector<double> expected, double floor,
                  const std::string& what) {
  ASSERT_EQ(actual.size(), expected.size());
  std::vector<double> padded(actual.begin(), actual.end());
  padded.push_back(floor);
  expected.push_back(floor);
  EXPECT_LE(relative_error(padded, expected), kTolerance) << what;
}

void expect_training_agrees(const Graph& graph, const TrainingSample& sample, Engine& engine) {
  const ReferencePass expected = reference_training(
      graph, sample.normalisation, sample.batch(),
      std::vector<double>(sample.parameters.begin(), sample.parameters.end()),
      std::vector<double>(sample.statistics.begin(), sample.statistics.end()), kLossScale);
  std::vector<float> gradients(graph.parameter_count, 1e3F);
  std::vector<float> statistics = sample.statistics;
  const BatchMetrics metrics = engine.train(sample.batch(), kLossScale, gradients, statistics, {});
  EXPECT_NEAR(metrics.loss_sum, expected.loss_sum, kTolerance * expected.loss_sum);
  for (const Parameter& parameter : graph.parameters) {
    expect_close(slice(gradients, parameter.offset, parameter.count),
                 slice(expected.gradients, parameter.offset, parameter.count), 1e-2,
                 "gradient of " + parameter.name);
  }
  for (const Statistic& statistic : graph.statistics) {
    expect_close(slice(statistics, statistic.offset, statistic.count),
                 slice(expected.statistics, statistic.offset, statistic.count), 1e-2,
                 statistic.name);
  }
}

void expect_evaluation_agrees(const Graph& graph, const TrainingSample& sample, Engine& engine) {
  const ReferencePass expected =
      reference_inference(graph, sample.normalisation, sample.batch(),
                          std::vector<double>(sample.parameters.begin(), sample.parameters.end()),
                          std::vector<double>(sample.statistics.begin(), sample.statistics.end()));
  std::vector<float> logits(kImages * graph.nodes[graph.outputs[0]].output.count());
  const BatchMetrics metrics = engine.evaluate(sample.batch(), sample.statistics, logits);
  EXPECT_NEAR(metrics.loss_sum, expected.loss_sum, kTolerance * expected.loss_sum);
  expect_close(logits, expected.values[graph.outputs[0]], 1e-2, "logits");
}

void expect_engine_agrees(const NamedGraph& named, int threads) {
  SCOPED_TRACE(named.name + ", threads " + std::to_string(threads));
  const TrainingSample sample = draw_smooth_training_sample(named.graph, kImages, 11);
  const auto engine = make_engine_under_test(named.graph, sample.normalisation, threads);
  engine->set_parameters(sample.parameters);
  expect_training_agrees(named.graph, sample, *engine);
  expect_evaluation_agrees(named.graph, sample, *engine);
  expect_training_agrees(named.graph, sample, *engine);  // nothing left over from other passes
}

TEST(EngineOperators, AgreeWithTheReference) {
  for (const NamedGraph& named : operator_graphs()) expect_engine_agrees(named, 1);
}

TEST(EngineOperators, AgreeWithTheReferenceOnTwoThreads) {
  for (const NamedGraph& named : operator_graphs()) expect_engine_agrees(named, 2);
}

TEST(EngineOperators, AgreeOnRandomGraphs) {
  for (unsigned seed = 0; seed < kRandomGraphs; ++seed) {
    expect_engine_agrees({"seed " + std::to_string(seed), random_graph(seed)}, 1 + int(seed % 2));
  }
}

TEST(EngineOperators, OutputsAreRowMajorWhateverTheLayoutInside) {
  HandBuiltGraph net({2, 6, 7});
  const int features = net.relu(net.batch_norm(net.convolution(net.input(), 32, {})));
  net.loss(net.linear(features, 7));
  Graph graph = net.graph();
  graph.outputs = {features};
  const TrainingSample sample = draw_smooth_training_sample(graph, kImages, 11);
  const auto engine = make_engine_under_test(graph, sample.normalisation, 1);
  engine->set_parameters(sample.parameters);
  expect_evaluation_agrees(graph, sample, *engine);
}

TEST(EngineOperators, CountsTop1AndTop5) {
  HandBuiltGraph net({1, 1, 7});  // logits are the pixels: the weight is the identity
  net.loss(net.linear(net.input(), 7));
  const Graph graph = net.graph();
  std::vector<float> arena(graph.parameter_count, 0.0F);
  for (int k = 0; k < 7; ++k) arena[graph.parameters[0].offset + k * 8] = 1.0F;
  const auto engine = make_engine_under_test(graph, {{0.0F}, {1.0F}}, 1);
  engine->set_parameters(arena);
  const std::vector<std::uint8_t> row = {10, 70, 60, 50, 40, 30, 70};  // 1 before 6 of equals
  std::vector<std::uint8_t> pixels;
  std::vector<std::int32_t> labels;
  for (int label = 0; label < 7; ++label) {
    pixels.insert(pixels.end(), row.begin(), row.end());
    labels.push_back(label);
  }
  const BatchMetrics metrics = engine->evaluate({7, pixels, labels}, {}, {});
  EXPECT_EQ(metrics.images, 7);
  EXPECT_EQ(metrics.top1_correct, 1);  // label 1
  EXPECT_EQ(metrics.top5_correct, 5);  // all but 0 and 5
}

}  // namespace
}  // namespace resnext::net
