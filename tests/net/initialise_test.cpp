#include "net/initialise.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace resnext::net {
namespace {

Graph paper_graph() {
  return build_graph(parse_spec("resnext29_8x64d_cifar"), Shape{3, 32, 32}, 10);
}

Graph small_graph(const std::string& name = "resnext20_4x4d_cifar_w16", int classes = 10) {
  return build_graph(parse_spec(name), Shape{3, 32, 32}, classes);
}

const Parameter& parameter_of(const Graph& graph, const std::string& name) {
  const auto found = std::ranges::find(graph.parameters, name, &Parameter::name);
  if (found == graph.parameters.end()) throw std::out_of_range("no parameter " + name);
  return *found;
}

std::vector<float> arena_of(const Graph& graph, std::uint64_t seed) {
  std::vector<float> arena(graph.parameter_count);
  initialise_parameters(graph, seed, arena);
  return arena;
}

std::vector<float> slice(const std::vector<float>& arena, const Parameter& parameter) {
  const auto first = arena.begin() + static_cast<std::ptrdiff_t>(parameter.offset);
  return {first, first + static_cast<std::ptrdiff_t>(parameter.count)};
}

/// The values of one parameter alone, without the time to fill the whole arena.
std::vector<float> values_of(const Graph& graph, const std::string& name, std::uint64_t seed) {
  Graph alone;
  alone.parameters = {parameter_of(graph, name)};
  alone.parameters[0].offset = 0;
  alone.parameter_count = alone.parameters[0].count;
  return arena_of(alone, seed);
}

/// Mean of value^power.
double moment(const std::vector<float>& values, int power) {
  double sum = 0;
  for (const float value : values) sum += std::pow(double(value), power);
  return sum / static_cast<double>(values.size());
}

TEST(InitialiseParameters, DrawsConvolutionsFromTheNormalOfTheFullFanOut) {
  const std::vector<float> values = values_of(paper_graph(), "layer3.1.conv2.weight", 1);
  ASSERT_EQ(values.size(), 2048U * 256 * 9);             // 8 groups of 256 channels
  const double deviation = std::sqrt(2.0 / (9 * 2048));  // not divided by the 8 groups
  EXPECT_NEAR(moment(values, 1) / deviation, 0, 0.003);
  EXPECT_NEAR(moment(values, 2) / std::pow(deviation, 2), 1, 0.005);
  EXPECT_NEAR(moment(values, 3) / std::pow(deviation, 3), 0, 0.01);
  EXPECT_NEAR(moment(values, 4) / std::pow(deviation, 4), 3, 0.03);
  const auto beyond = std::ranges::count_if(
      values, [&](float value) { return std::abs(double(value)) > 1.959964 * deviation; });
  EXPECT_NEAR(double(beyond) / double(values.size()), 0.05, 0.001);
}

/// Standard deviation of each layer, to five standard errors: He's formula with the full number of
/// outputs, groups or not.
TEST(InitialiseParameters, GivesEveryConvolutionTheDeviationOfItsFormula) {
  for (const char* name : {"resnext50_32x4d", "resnext50_8x14d", "resnet50_preact", "resnet34"}) {
    const Graph graph = build_graph(parse_spec(name), Shape{3, 224, 224}, 1000);
    const std::vector<float> arena = arena_of(graph, 1);
    int layers = 0;
    for (const Node& node : graph.nodes) {
      if (node.op != Op::kConvolution) continue;
      ++layers;
      const Parameter& weight = graph.parameters.at(std::size_t(node.parameters.front()));
      const double taps = double(node.window.kernel) * node.window.kernel;
      const double expected = std::sqrt(2.0 / (taps * node.output.channels));
      const double measured = std::sqrt(moment(slice(arena, weight), 2));
      const double error = 1 / std::sqrt(2.0 * double(weight.count));
      EXPECT_NEAR(measured / expected, 1, 5 * error) << name << " " << weight.name;
    }
    EXPECT_GE(layers, 36);
  }
}

TEST(InitialiseParameters, DrawsNeighboursIndependently) {
  const std::vector<float> values = values_of(paper_graph(), "layer3.1.conv2.weight", 1);
  for (const std::size_t lag : {1U, 2U, 3U, 9U, 2304U}) {
    double sum = 0;
    for (std::size_t i = lag; i < values.size(); ++i) sum += double(values[i]) * values[i - lag];
    const double correlation = sum / static_cast<double>(values.size()) / moment(values, 2);
    EXPECT_NEAR(correlation, 0, 0.003) << "lag " << lag;
  }
}

TEST(InitialiseParameters, DrawsTheLinearLayerUniformlyAndZeroesItsBias) {
  const Graph graph = build_graph(parse_spec("resnet50"), Shape{3, 224, 224}, 1000);
  const std::vector<float> values = values_of(graph, "fc.weight", 3);
  const double bound = 1 / std::sqrt(2048.0);
  EXPECT_NEAR(*std::ranges::max_element(values) / bound, 1, 1e-4);
  EXPECT_NEAR(*std::ranges::min_element(values) / bound, -1, 1e-4);
  EXPECT_NEAR(moment(values, 1) / bound, 0, 0.003);
  EXPECT_NEAR(moment(values, 2) / (bound * bound), 1.0 / 3, 0.003);
  EXPECT_EQ(values_of(graph, "fc.bias", 3), std::vector<float>(1000, 0.0F));
}

TEST(InitialiseParameters, SetsBatchNormToTheIdentity) {
  const Graph graph = paper_graph();
  EXPECT_EQ(values_of(graph, "layer1.0.bn3.weight", 1), std::vector<float>(256, 1.0F));
  EXPECT_EQ(values_of(graph, "layer1.0.bn3.bias", 1), std::vector<float>(256, 0.0F));
}

TEST(InitialiseParameters, DependsOnSeedAndName) {
  const Graph graph = small_graph();
  EXPECT_EQ(arena_of(graph, 7), arena_of(graph, 7));
  EXPECT_NE(arena_of(graph, 7), arena_of(graph, 8));
  const std::string name = "layer1.1.conv2.weight";
  EXPECT_NE(values_of(graph, name, 7), values_of(graph, name, 8));
  EXPECT_NE(values_of(graph, name, 7), values_of(graph, "layer1.0.conv2.weight", 7));
}

TEST(InitialiseParameters, GivesALayerTheSameValuesInAnotherNet) {
  const std::string name = "layer1.1.conv2.weight";
  const Graph graph = small_graph();
  const Graph deeper = small_graph("resnext29_4x4d_cifar_w16", 100);
  EXPECT_NE(parameter_of(graph, name).offset, parameter_of(deeper, name).offset);
  EXPECT_EQ(slice(arena_of(graph, 7), parameter_of(graph, name)),
            slice(arena_of(deeper, 7), parameter_of(deeper, name)));
}

TEST(InitialiseParameters, DoesNotDependOnTheOrderOfVisits) {
  Graph graph = small_graph();
  const std::vector<float> forwards = arena_of(graph, 7);
  std::ranges::reverse(graph.parameters);
  EXPECT_EQ(arena_of(graph, 7), forwards);
}

TEST(InitialiseParameters, SeedsAndNamesDoNotShareValues) {
  const Graph graph = paper_graph();
  std::vector<float> all = values_of(graph, "layer1.1.conv1.weight", 1);
  const std::vector<float> others[] = {values_of(graph, "layer1.1.conv1.weight", 2),
                                       values_of(graph, "layer1.2.conv1.weight", 1)};
  for (const auto& other : others) all.insert(all.end(), other.begin(), other.end());
  std::ranges::sort(all);
  const auto repeated = all.end() - std::ranges::unique(all).begin();
  EXPECT_LT(repeated, static_cast<std::ptrdiff_t>(all.size() / 20));  // chance: floats are 24 bits
}

TEST(InitialiseStatistics, SetsMeansToZeroAndVariancesToOne) {
  const Graph graph = small_graph();
  std::vector<float> statistics(graph.statistic_count, -1.0F);
  initialise_statistics(graph, statistics);
  for (const Statistic& statistic : graph.statistics) {
    const float expected = statistic.name.ends_with("running_mean") ? 0.0F : 1.0F;
    for (std::size_t i = 0; i < statistic.count; ++i) {
      ASSERT_EQ(statistics[statistic.offset + i], expected) << statistic.name;
    }
  }
}

TEST(Initialise, RefusesArraysOfAnotherSize) {
  const Graph graph = small_graph();
  std::vector<float> arena(graph.parameter_count - 1);
  EXPECT_THROW(initialise_parameters(graph, 1, arena), std::invalid_argument);
  std::vector<float> statistics(graph.statistic_count + 1);
  EXPECT_THROW(initialise_statistics(graph, statistics), std::invalid_argument);
}

}  // namespace
}  // namespace resnext::net
