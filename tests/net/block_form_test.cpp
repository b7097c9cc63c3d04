// The three forms of Figure 3 are one function: same weights, same outputs, same gradients.

#include "net/block_form.h"

#include <cmath>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "net/complexity.h"
#include "net/engine.h"
#include "net/initialise.h"
#include "tests/net/engine_under_test.h"
#include "tests/net/relative_error.h"
#include "tests/net/training_sample.h"

namespace resnext::net {
namespace {

constexpr int kImages = 4;
constexpr double kRounding = 2e-5;

Graph graph_of(const std::string& name, BlockForm form) {
  const Spec spec = parse_spec(name);
  const Shape input = spec.stem == Stem::kCifar ? Shape{3, 12, 10} : Shape{3, 32, 32};
  return build_graph(spec, input, 10, {.form = form});
}

const char* const kModels[] = {"resnext20_4x6d_cifar_w8",
                               "resnext11_4x4d_preact_cifar_w8",
                               "resnext14_4x4d_basic_cifar_w8",
                               "resnext11_3x5d_cifar_w8_shortcut_a",
                               "resnext11_4x2d_cifar_w8_noshortcut",
                               "resnet11_cifar_w8"};

struct Pass {
  std::vector<float> gradients, statistics, logits;
  double loss_sum = 0;
};

/// Training and evaluation in the form of `graph`, everything given and returned in that of
/// `grouped`.
Pass pass_in_form(const Graph& graph, const Graph& grouped, const TrainingSample& sample) {
  const auto engine = make_engine_under_test(graph, sample.normalisation, 1);
  const std::vector<float> parameters = converted_parameters(grouped, sample.parameters, graph);
  std::vector<float> statistics = converted_statistics(grouped, sample.statistics, graph);
  std::vector<float> gradients(graph.parameter_count, 1e3F);
  engine->set_parameters(parameters);
  Pass pass;
  pass.logits.resize(std::size_t(kImages) * 10);
  engine->evaluate(sample.batch(), statistics, pass.logits);
  pass.loss_sum = engine->train(sample.batch(), 0.25F, gradients, statistics, {}).loss_sum;
  pass.gradients = converted_parameters(graph, gradients, grouped);
  pass.statistics = converted_statistics(graph, statistics, grouped);
  return pass;
}

TEST(BlockForm, GivesTheSameOutputsAndGradients) {
  for (const std::string model : kModels) {
    const Graph grouped = graph_of(model, BlockForm::kGroupedConvolution);
    const TrainingSample sample = draw_smooth_training_sample(grouped, kImages, 7);
    const Pass expected = pass_in_form(grouped, grouped, sample);
    for (const BlockForm form : {BlockForm::kSeparatePaths, BlockForm::kEarlyConcatenation}) {
      SCOPED_TRACE(model + " in form " + std::to_string(static_cast<int>(form)));
      const Pass pass = pass_in_form(graph_of(model, form), grouped, sample);
      EXPECT_NEAR(pass.loss_sum, expected.loss_sum, kRounding * expected.loss_sum);
      EXPECT_LE(relative_error(pass.logits, expected.logits), kRounding);
      EXPECT_LE(relative_error(pass.statistics, expected.statistics), kRounding);
      for (const Parameter& p : grouped.parameters) {
        const auto slice = [&](const std::vector<float>& all) {
          return std::vector<float>(all.begin() + std::ptrdiff_t(p.offset),
                                    all.begin() + std::ptrdiff_t(p.offset + p.count));
        };
        std::vector<float> actual = slice(pass.gradients), wanted = slice(expected.gradients);
        actual.push_back(1e-2F);  // some gradients are zero but for rounding
        wanted.push_back(1e-2F);
        EXPECT_LE(relative_error(actual, wanted), 10 * kRounding) << p.name;
      }
    }
  }
}

TEST(BlockForm, ConvertsExactlyThereAndBack) {
  std::mt19937 random(1);
  for (const std::string model : kModels) {
    const Graph grouped = graph_of(model, BlockForm::kGroupedConvolution);
    std::vector<float> parameters(grouped.parameter_count), statistics(grouped.statistic_count);
    for (float& value : parameters) value = float(random());
    for (float& value : statistics) value = float(random());
    const Graph a = graph_of(model, BlockForm::kSeparatePaths);
    const Graph b = graph_of(model, BlockForm::kEarlyConcatenation);
    const auto in_a = converted_parameters(grouped, parameters, a);
    const auto in_b = converted_parameters(a, in_a, b);
    EXPECT_EQ(converted_parameters(b, in_b, grouped), parameters) << model;
    const auto statistics_in_a = converted_statistics(grouped, statistics, a);
    EXPECT_EQ(converted_statistics(a, statistics_in_a, grouped), statistics) << model;
  }
}

TEST(BlockForm, HasPathsAsInFigure3) {
  const Graph a = graph_of("resnext11_4x6d_cifar", BlockForm::kSeparatePaths);
  const Graph b = graph_of("resnext11_4x6d_cifar", BlockForm::kEarlyConcatenation);
  const Graph c = graph_of("resnext11_4x6d_cifar", BlockForm::kGroupedConvolution);
  const auto count = [](const Graph& graph, Op op, const std::string& within) {
    int found = 0;
    for (const Node& node : graph.nodes) {
      found += node.op == op && node.name.starts_with(within) ? 1 : 0;
      EXPECT_TRUE(node.groups == 1 || graph.options.form == BlockForm::kGroupedConvolution);
    }
    return found;
  };
  // The projection is a convolution too.
  EXPECT_EQ(count(a, Op::kConvolution, "layer2.0."), 3 * 4 + 1);
  EXPECT_EQ(count(a, Op::kAdd, "layer2.0."), 3 + 1);
  EXPECT_EQ(count(b, Op::kConvolution, "layer2.0."), 2 * 4 + 1 + 1);
  EXPECT_EQ(count(b, Op::kConcatenation, "layer2.0."), 1);
  EXPECT_EQ(count(c, Op::kConvolution, "layer2.0."), 3 + 1);
  EXPECT_EQ(graph_complexity(a).parameters, graph_complexity(c).parameters);
  EXPECT_EQ(graph_complexity(a).multiply_adds, graph_complexity(c).multiply_adds);
  EXPECT_EQ(graph_complexity(b).multiply_adds, graph_complexity(c).multiply_adds);
}

TEST(BlockForm, BeginsFromTheSameWeights) {
  const Graph c = graph_of("resnext11_4x6d_cifar_w8", BlockForm::kGroupedConvolution);
  std::vector<float> expected(c.parameter_count);
  initialise_parameters(c, 5, expected);
  for (const BlockForm form : {BlockForm::kSeparatePaths, BlockForm::kEarlyConcatenation}) {
    const Graph graph = graph_of("resnext11_4x6d_cifar_w8", form);
    std::vector<float> values(graph.parameter_count);
    initialise_parameters(graph, 5, values);
    EXPECT_EQ(converted_parameters(graph, values, c), expected);
  }
}

TEST(BlockForm, RefusesAnotherNetworksWeights) {
  const Graph c = graph_of("resnext11_4x6d_cifar_w8", BlockForm::kGroupedConvolution);
  const Graph a = graph_of("resnext11_4x4d_cifar_w8", BlockForm::kSeparatePaths);
  const std::vector<float> values(c.parameter_count);
  EXPECT_THROW(converted_parameters(c, values, a), std::invalid_argument);
  EXPECT_THROW(converted_parameters(c, std::span(values).first(10), c), std::invalid_argument);
}

}  // namespace
}  // namespace resnext::net
