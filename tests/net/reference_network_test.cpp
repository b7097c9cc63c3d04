// The reference's own gradients against central differences, op by op.

#include "tests/net/reference_network.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/net/hand_built_graph.h"
#include "tests/net/training_sample.h"

namespace resnext::net {
namespace {

constexpr int kImages = 2;
constexpr int kProbes = 3;  // values tried of each parameter
constexpr double kStep = 1e-6;

/// The largest difference between a gradient and its central difference, over the largest gradient
/// of that parameter.
void expect_central_differences(const NamedGraph& named) {
  SCOPED_TRACE(named.name);
  const Graph& graph = named.graph;
  const TrainingSample sample = draw_smooth_training_sample(graph, kImages, 7);
  std::vector<double> parameters(sample.parameters.begin(), sample.parameters.end());
  const std::vector<double> statistics(sample.statistics.begin(), sample.statistics.end());
  const auto pass = [&] {
    return reference_training(graph, sample.normalisation, sample.batch(), parameters, statistics,
                              0.5);
  };
  const std::vector<double> gradients = pass().gradients;
  for (const Parameter& parameter : graph.parameters) {
    double largest = 1e-3;  // a shift before a batch-norm has no gradient at all
    for (std::size_t i = 0; i < parameter.count; ++i) {
      largest = std::max(largest, std::abs(gradients[parameter.offset + i]));
    }
    for (int probe = 0; probe < kProbes; ++probe) {
      const std::size_t i = parameter.offset + (probe * 7919 + 13) % parameter.count;
      const double value = parameters[i];
      parameters[i] = value + kStep;
      const double above = pass().loss_sum;
      parameters[i] = value - kStep;
      const double below = pass().loss_sum;
      parameters[i] = value;
      const double difference = 0.5 * (above - below) / (2 * kStep);
      EXPECT_NEAR(gradients[i], difference, 1e-6 * largest) << parameter.name;
    }
  }
}

TEST(ReferenceNetwork, GradientsAreCentralDifferencesForEveryOp) {
  for (const NamedGraph& named : operator_graphs()) {
    if (named.graph.parameter_count < 12000) expect_central_differences(named);
  }
}

TEST(ReferenceNetwork, GradientsAreCentralDifferencesForRandomGraphs) {
  for (unsigned seed = 0; seed < 10; ++seed) {
    expect_central_differences({"seed " + std::to_string(seed), random_graph(seed)});
  }
}

}  // namespace
}  // namespace resnext::net
