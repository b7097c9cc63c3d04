// Training in bf16, on any engine: against the same step in double that rounds where the engine
// stores bf16 (so that what remains is a last bit here and there), and against the CPU's fp32.

#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "net/engine.h"
#include "net/initialise.h"
#include "tests/net/bf16_engine_under_test.h"
#include "tests/net/reference_network.h"
#include "tests/net/training_sample.h"

namespace resnext::net {
namespace {

constexpr int kImages = 8;
constexpr int kSteps = 3;
constexpr float kLossScale = 1.0F / kImages;
constexpr float kShift = 3.5F;  // of values of unit deviation
constexpr std::size_t npos = std::string::npos;
constexpr float kLearningRate = 0.05F, kMomentum = 0.9F, kWeightDecay = 1e-4F;

struct Case {
  std::string model;
  int side;
  std::vector<int> blocks;  ///< a stage; empty: the model's own
};

Graph graph_of(const Case& tested) {
  Spec spec = parse_spec(tested.model);
  if (!tested.blocks.empty()) spec.blocks_per_stage = tested.blocks;
  return build_graph(spec, {3, tested.side, tested.side}, 10);
}

/// The arena with what the engine rounds of it: filters and perhaps matrices, not vectors.
std::vector<double> working_parameters(const Graph& graph, const std::vector<float>& arena) {
  std::vector<double> working(arena.begin(), arena.end());
  for (const Node& node : graph.nodes) {
    if (node.op != Op::kConvolution && (node.op != Op::kLinear || !kRoundsMatrices)) continue;
    const Parameter& weight = graph.parameters[std::size_t(node.parameters[0])];
    for (std::size_t i = 0; i < weight.count; ++i) {
      working[weight.offset + i] = to_bf16(working[weight.offset + i]);
    }
  }
  return working;
}

/// |a - b| / |b| in the L2 norm, over some slices.
template <typename Slice, typename Expected>
double distance(const std::vector<float>& a, const std::vector<Expected>& b,
                const std::vector<Slice>& all, const std::vector<int>& which) {
  double difference = 0, size = 0;
  for (const int index : which) {
    const Slice& slice = all[std::size_t(index)];
    for (std::size_t i = slice.offset; i < slice.offset + slice.count; ++i) {
      difference += (double(a[i]) - b[i]) * (double(a[i]) - b[i]);
      size += double(b[i]) * b[i];
    }
  }
  return std::sqrt(difference / std::max(size, 1e-30));
}

/// One engine with weights of its own, updated on the host.
struct Training {
  const Graph& graph;
  std::unique_ptr<Engine> engine;
  std::vector<float> parameters, statistics, gradients, momentum;
  double loss = 0;

  Training(std::unique_ptr<Engine> of, const Graph& network)
      : graph(network),
        engine(std::move(of)),
        parameters(graph.parameter_count),
        statistics(graph.statistic_count),
        gradients(graph.parameter_count),
        momentum(graph.parameter_count) {
    initialise_parameters(graph, 3, parameters);
    initialise_statistics(graph, statistics);
    keep_from_kinks();
  }

  /// Shifts what comes out of batch-norms by some deviations, most channels up, so that few values
  /// are near a ReLU's kink: where rounding decides which way they go, a step in bf16 is its own
  /// chaos (a weight changed by a millionth changes gradients by a third).
  void keep_from_kinks() {
    for (const Node& node : graph.nodes) {
      if (node.op != Op::kBatchNorm) continue;
      const Parameter& bias = graph.parameters[std::size_t(node.parameters[1])];
      const bool is_added = node.name.ends_with("bn3") || node.name.find("downsample") < npos;
      for (std::size_t i = 0; i < bias.count; ++i) {
        parameters[bias.offset + i] = i % 4 == 3 && !is_added ? -kShift : kShift;
      }
    }
  }

  void step(const Batch& batch) {
    engine->set_parameters(parameters);
    loss = engine->train(batch, kLossScale, gradients, statistics, {}).loss_sum / kImages;
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      const float gradient = gradients[i] + kWeightDecay * parameters[i];
      momentum[i] = kMomentum * momentum[i] + gradient;
      parameters[i] -= kLearningRate * (gradient + kMomentum * momentum[i]);
    }
  }
};

class Bf16Training : public testing::TestWithParam<Case> {};

/// Each step from the engine's own weights, so that one step's rounding is not the next one's.
TEST_P(Bf16Training, IsTheStepInDoubleRoundedWhereItIsStored) {
  const Graph graph = graph_of(GetParam());
  const Normalisation normalisation = draw_training_sample(graph, kImages, 4).normalisation;
  const ReferenceRounding rounding = stored_rounding(graph);
  Training device(make_bf16_engine_under_test(graph, normalisation), graph);
  double worst_gradient = 0, worst_statistic = 0;
  for (int step = 0; step < kSteps; ++step) {
    const TrainingSample sample = draw_training_sample(graph, kImages, 10U + unsigned(step));
    const ReferencePass expected = reference_training(
        graph, normalisation, sample.batch(), working_parameters(graph, device.parameters),
        std::vector<double>(device.statistics.begin(), device.statistics.end()), kLossScale,
        &rounding);
    device.step(sample.batch());
    EXPECT_NEAR(device.loss, expected.loss_sum / kImages, kBf16Tolerances.loss * device.loss)
        << "step " << step;
    // By node: a bias in front of a batch-norm has next to no gradient of its own.
    for (const Node& node : graph.nodes) {
      const double gradient =
          distance(device.gradients, expected.gradients, graph.parameters, node.parameters);
      const double statistic =
          distance(device.statistics, expected.statistics, graph.statistics, node.statistics);
      EXPECT_LE(gradient, kBf16Tolerances.gradient)
          << "step " << step << " gradient of " << node.name;
      EXPECT_LE(statistic, kBf16Tolerances.statistic) << "step " << step << " " << node.name;
      worst_gradient = std::max(worst_gradient, gradient);
      worst_statistic = std::max(worst_statistic, statistic);
    }
  }
  RecordProperty("worst_gradient", std::to_string(worst_gradient));
  RecordProperty("worst_statistic", std::to_string(worst_statistic));
}

/// Whole trainings part at every ReLU that rounding sends the other way; their losses do not.
TEST_P(Bf16Training, LosesAsFp32OnTheCpu) {
  const Graph graph = graph_of(GetParam());
  const Normalisation normalisation = draw_training_sample(graph, kImages, 4).normalisation;
  Training cpu(make_cpu_engine(graph, normalisation, 1), graph);
  Training device(make_bf16_engine_under_test(graph, normalisation), graph);
  for (int step = 0; step < kSteps; ++step) {
    const TrainingSample sample = draw_training_sample(graph, kImages, 10U + unsigned(step));
    cpu.step(sample.batch());
    device.step(sample.batch());
    EXPECT_NEAR(device.loss, cpu.loss, 0.01 * cpu.loss) << "step " << step;
  }
}

INSTANTIATE_TEST_SUITE_P(Networks, Bf16Training,
                         testing::Values(Case{"resnet11_cifar_w8", 16, {}},
                                         Case{"resnext20_4x4d_cifar_w8", 16, {}},
                                         Case{"resnext11_4x4d_preact_cifar_w8", 16, {}},
                                         Case{"resnext50_8x4d_w8", 64, {1, 1, 1, 1}},
                                         Case{"resnet50_w8", 64, {1, 1, 1, 1}}),
                         [](const auto& test) { return test.param.model; });

}  // namespace
}  // namespace resnext::net
