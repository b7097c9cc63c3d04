// Training in bf16 on the device against fp32 on the CPU: several whole steps, as near as bf16's
// eight bits of mantissa allow.

#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "net/engine.h"
#include "net/initialise.h"
#include "tests/net/cuda/load_plugin.h"
#include "tests/net/training_sample.h"

namespace resnext::net {
namespace {

constexpr int kImages = 8;
constexpr int kSteps = 3;
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

/// |a - b| / |b|, of a slice; in the L2 norm, as single values may cancel.
double distance(const std::vector<float>& a, const std::vector<float>& b, std::size_t offset,
                std::size_t count) {
  double difference = 0, size = 0;
  for (std::size_t i = offset; i < offset + count; ++i) {
    difference += (double(a[i]) - b[i]) * (double(a[i]) - b[i]);
    size += double(b[i]) * b[i];
  }
  return std::sqrt(difference / std::max(size, 1e-30));
}

/// One engine with weights of its own, updated on the host.
struct Training {
  std::unique_ptr<Engine> engine;
  std::vector<float> parameters, statistics, gradients, momentum;
  double loss = 0;

  Training(std::unique_ptr<Engine> of, const Graph& graph)
      : engine(std::move(of)),
        parameters(graph.parameter_count),
        statistics(graph.statistic_count),
        gradients(graph.parameter_count),
        momentum(graph.parameter_count) {
    initialise_parameters(graph, 3, parameters);
    initialise_statistics(graph, statistics);
  }

  void step(const Batch& batch) {
    engine->set_parameters(parameters);
    loss = engine->train(batch, 1.0F / kImages, gradients, statistics, {}).loss_sum / kImages;
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      const float gradient = gradients[i] + kWeightDecay * parameters[i];
      momentum[i] = kMomentum * momentum[i] + gradient;
      parameters[i] -= kLearningRate * (gradient + kMomentum * momentum[i]);
    }
  }

  std::vector<float> logits(const Graph& graph, const Batch& batch) {
    std::vector<float> result(std::size_t(batch.size) * std::size_t(graph.classes));
    engine->set_parameters(parameters);
    engine->evaluate(batch, statistics, result);
    return result;
  }
};

std::unique_ptr<Engine> bf16_engine(const Graph& graph, const Normalisation& normalisation) {
  CudaEngineOptions options;
  options.precision = Precision::kBf16;
  const char* const cache = std::getenv("RESNEXT_TEST_PLAN_CACHE");
  if (cache != nullptr) options.plan_cache = cache;
  return load_cuda_plugin().make_engine(graph, normalisation, options);
}

class Bf16Training : public testing::TestWithParam<Case> {};

TEST_P(Bf16Training, FollowsFp32) {
  const Graph graph = graph_of(GetParam());
  const TrainingSample sample = draw_training_sample(graph, kImages, 4);
  Training cpu(make_cpu_engine(graph, sample.normalisation, 1), graph);
  Training gpu(bf16_engine(graph, sample.normalisation), graph);
  for (int step = 0; step < kSteps; ++step) {
    const TrainingSample batch = draw_training_sample(graph, kImages, 10U + unsigned(step));
    cpu.step(batch.batch());
    gpu.step(batch.batch());
    EXPECT_NEAR(gpu.loss, cpu.loss, 0.01 * cpu.loss) << "step " << step;
    for (const Parameter& parameter : graph.parameters) {
      EXPECT_LE(distance(gpu.gradients, cpu.gradients, parameter.offset, parameter.count), 0.12)
          << "step " << step << " gradient of " << parameter.name;
      EXPECT_LE(distance(gpu.parameters, cpu.parameters, parameter.offset, parameter.count), 0.05)
          << "step " << step << " " << parameter.name;
    }
    for (const Statistic& statistic : graph.statistics) {
      EXPECT_LE(distance(gpu.statistics, cpu.statistics, statistic.offset, statistic.count), 0.02)
          << "step " << step << " " << statistic.name;
    }
  }
  const std::vector<float> expected = cpu.logits(graph, sample.batch());
  EXPECT_LE(distance(gpu.logits(graph, sample.batch()), expected, 0, expected.size()), 0.03);
}

INSTANTIATE_TEST_SUITE_P(Networks, Bf16Training,
                         testing::Values(Case{"resnet11_cifar_w8", 16, {}},
                                         Case{"resnext20_4x4d_cifar_w8", 16, {}},
                                         Case{"resnext50_8x4d_w8", 64, {1, 1, 1, 1}},
                                         Case{"resnet50_w8", 64, {1, 1, 1, 1}}),
                         [](const auto& test) { return test.param.model; });

}  // namespace
}  // namespace resnext::net
