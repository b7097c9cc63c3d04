// What the CPU engine promises beyond what every engine does.

#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

#include "net/engine.h"
#include "tests/net/relative_error.h"
#include "tests/net/training_sample.h"

namespace resnext::net {
namespace {

struct Trained {
  std::vector<float> gradients, statistics;
  double loss_sum = 0;
};

Trained train(Engine& engine, const Graph& graph, const TrainingSample& sample) {
  Trained result{std::vector<float>(graph.parameter_count), sample.statistics};
  engine.set_parameters(sample.parameters);
  const BatchMetrics metrics =
      engine.train(sample.batch(), 0.25F, result.gradients, result.statistics, {});
  result.loss_sum = metrics.loss_sum;
  return result;
}

TEST(CpuEngine, ThreadsChangeNoMoreThanRounding) {
  for (const char* model : {"resnet11_cifar_w8", "resnext11_4x4d_cifar_w8"}) {
    const Graph graph = build_graph(parse_spec(model), {3, 9, 9}, 10);
    const TrainingSample sample = draw_smooth_training_sample(graph, 4, 3);
    const auto one = make_cpu_engine(graph, sample.normalisation, 1);
    const auto two = make_cpu_engine(graph, sample.normalisation, 2);
    const Trained a = train(*one, graph, sample), b = train(*two, graph, sample);
    EXPECT_NEAR(a.loss_sum, b.loss_sum, 1e-5 * a.loss_sum);
    EXPECT_LE(relative_error(a.gradients, b.gradients), 1e-5);
    EXPECT_LE(relative_error(a.statistics, b.statistics), 1e-5);
  }
}

TEST(CpuEngine, GradientsAreAnnouncedLayerByLayer) {
  const Graph graph = build_graph(parse_spec("resnext50_32x4d_w8"), {3, 64, 64}, 10);
  const TrainingSample sample = draw_training_sample(graph, 2, 6);
  const auto engine = make_cpu_engine(graph, sample.normalisation, 1);
  engine->set_parameters(sample.parameters);
  std::vector<std::size_t> prefixes;
  std::vector<float> gradients(graph.parameter_count);
  engine->train(sample.batch(), 1.0F, gradients, {}, [&](std::size_t n) { prefixes.push_back(n); });
  ASSERT_FALSE(prefixes.empty());
  EXPECT_EQ(prefixes.back(), graph.parameter_count);
  EXPECT_EQ(prefixes.front(), 10u * 256u + 10u);  // fc alone, at once
  EXPECT_GT(prefixes.size(), 90u);                // 53 convolutions and nearly as many norms
}

TEST(CpuEngine, NeedsAThread) {
  const Graph graph = build_graph(parse_spec("resnext11_4x4d_cifar_w8"), {3, 8, 8}, 10);
  EXPECT_THROW(make_cpu_engine(graph, {}, 0), std::invalid_argument);
}

}  // namespace
}  // namespace resnext::net
