// Run by ctest under mpirun with several numbers of ranks: every test is collective.

#include <cstring>
#include <random>

#include <gtest/gtest.h>

#include "net/graph_builder.h"
#include "net/initialise.h"
#include "net/spec.h"
#include "worker/comm/communicator.h"
#include "worker/gradient_norm.h"
#include "worker/host_step.h"

namespace resnext::worker {
namespace {

constexpr int kSteps = 3, kClasses = 5, kSide = 8, kImages = 3;
constexpr float kLearningRate = 0.1F, kScale = 0.05F;
constexpr SgdOptions kSgd{0.9F, 1e-2F, true};

net::Graph small_network() {
  return net::build_graph(net::parse_spec("resnext11_4x4d_cifar_w4"), {3, kSide, kSide}, kClasses);
}

std::unique_ptr<net::Engine> make_engine(const net::Graph& graph) {
  return net::make_cpu_engine(graph, {}, 1);
}

/// Random images, the same wherever they are made.
struct Images {
  std::vector<float> values;
  std::vector<std::int32_t> labels;

  Images(int step, int batch) {
    std::mt19937 generator(static_cast<unsigned>(100 * step + batch));
    for (int i = 0; i < kImages * 3 * kSide * kSide; ++i) {
      values.push_back(static_cast<float>(generator() % 2001) / 1000 - 1);
    }
    for (int i = 0; i < kImages; ++i) labels.push_back(static_cast<int>(generator() % kClasses));
  }
  net::Batch batch() const { return {kImages, {}, labels, values}; }
};

struct Arrays {
  std::vector<float> parameters, statistics, momentum;

  explicit Arrays(const net::Graph& graph)
      : parameters(graph.parameter_count),
        statistics(graph.statistic_count),
        momentum(graph.parameter_count, 0.0F) {
    net::initialise_parameters(graph, 1, parameters);
    net::initialise_statistics(graph, statistics);
  }
};

/// The second batch of the second step has no images.
bool is_empty(int step, int batch) {
  return step == 1 && batch == 1;
}

/// What one process computes by the definitions; the loss of each batch in `losses`.
Arrays serial(const net::Graph& graph, int batches, double clip_norm, std::vector<double>& losses) {
  Arrays state(graph);
  const auto engine = make_engine(graph);
  for (int step = 0; step < kSteps; ++step) {
    std::vector<std::vector<float>> gradients;
    engine->set_parameters(state.parameters);
    for (int batch = 0; batch < batches; ++batch) {
      gradients.emplace_back(graph.parameter_count, 0.0F);
      losses.push_back(0);
      if (is_empty(step, batch)) continue;
      const Images images(step, batch);
      losses.back() = engine
                          ->train(images.batch(), kScale, gradients.back(),
                                  batch == 0 ? std::span(state.statistics) : std::span<float>(), {})
                          .loss_sum;
    }
    std::vector<float*> parts;
    for (auto& gradient : gradients) parts.push_back(gradient.data());
    sum_as_tree(parts, graph.parameter_count);
    if (clip_norm > 0) {
      std::vector<double> blocks((graph.parameter_count + kNormBlock - 1) / kNormBlock);
      sum_blocks_of_squares(gradients.front(), blocks);
      scale(gradients.front(), clipping_factor(norm_of_blocks(blocks), clip_norm));
    }
    sgd_update(kSgd, kLearningRate, gradients.front(), state.momentum, state.parameters);
  }
  return state;
}

bool same_bits(const std::vector<float>& one, const std::vector<float>& other) {
  return one.size() == other.size() &&
         std::memcmp(one.data(), other.data(), one.size() * sizeof(float)) == 0;
}

/// Between steps somebody evaluates other weights with the engine.
void evaluate_others(net::Engine& engine, const Arrays& state) {
  const std::vector<float> zeros(state.parameters.size(), 0.0F);
  engine.set_parameters(zeros);
  engine.evaluate(Images(0, 0).batch(), state.statistics, {});
}

class HostStepOf : public ::testing::TestWithParam<double> {};

TEST_P(HostStepOf, AnyNumberOfRanksEqualsTheDefinitionBitForBit) {
  const Communicator world;
  const net::Graph graph = small_network();
  for (const int share : {1, 2, 4}) {
    SCOPED_TRACE(share);
    std::vector<double> losses, own_losses, wanted_losses;
    const Arrays wanted = serial(graph, share * world.size(), GetParam(), losses);
    Arrays state(graph);
    net::StepOptions options{kSgd, GetParam()};
    options.bucket_values = 1000;
    options.local_batches = share;
    HostStep steps(make_engine(graph), {state.parameters, state.statistics}, options);
    for (int step = 0; step < kSteps; ++step) {
      steps.begin(kLearningRate);
      for (int local = 0; local < share; ++local) {
        const int batch = world.rank() * share + local;
        const Images images(step, batch);
        steps.train(is_empty(step, batch) ? net::Batch{} : images.batch(), kScale, batch == 0);
        wanted_losses.push_back(losses[step * share * world.size() + batch]);
      }
      steps.finish();
      for (const net::BatchMetrics& metrics : steps.metrics()) {
        own_losses.push_back(metrics.loss_sum);
      }
      evaluate_others(steps.engine(), state);
    }
    EXPECT_TRUE(same_bits(state.parameters, wanted.parameters));
    EXPECT_EQ(own_losses, wanted_losses);
    const std::vector<float> momentum = steps.gather_momentum({});
    if (world.rank() == 0) {
      EXPECT_TRUE(same_bits(state.statistics, wanted.statistics));
      EXPECT_TRUE(same_bits(momentum, wanted.momentum));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(GradientNorms, HostStepOf, ::testing::Values(0.0, 0.01));

TEST(HostStep, RefusesMoreBatchesThanItWasMadeFor) {
  const net::Graph graph = small_network();
  Arrays state(graph);
  HostStep steps(make_engine(graph), {state.parameters, state.statistics}, {});
  steps.begin(kLearningRate);
  steps.train({}, kScale, false);
  EXPECT_THROW(steps.train({}, kScale, false), std::logic_error);
  steps.finish();
}

}  // namespace
}  // namespace resnext::worker
