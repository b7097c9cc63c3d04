#include "net/graph.h"

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace resnext::net {
namespace {

constexpr Shape kImageNetInput{3, 224, 224};

Graph graph_of(const std::string& name, Shape input = kImageNetInput, int classes = 1000) {
  return build_graph(parse_spec(name), input, classes);
}

const Node& node_of(const Graph& graph, const std::string& name) {
  const auto found = std::ranges::find(graph.nodes, name, &Node::name);
  if (found == graph.nodes.end()) throw std::out_of_range("no node " + name);
  return *found;
}

std::vector<std::string> input_names(const Graph& graph, const std::string& name) {
  std::vector<std::string> names;
  for (const int input : node_of(graph, name).inputs) names.push_back(graph.nodes.at(input).name);
  return names;
}

std::string error_of(const std::string& name, Shape input, int classes) {
  try {
    graph_of(name, input, classes);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

using Names = std::vector<std::string>;
using Extents = std::vector<std::int64_t>;

TEST(BuildGraph, ComputesShapesStageByStage) {
  const Graph graph = graph_of("resnext50_32x4d");
  EXPECT_EQ(node_of(graph, "conv1").output, (Shape{64, 112, 112}));
  EXPECT_EQ(node_of(graph, "maxpool").output, (Shape{64, 56, 56}));
  EXPECT_EQ(node_of(graph, "layer1.2.relu3").output, (Shape{256, 56, 56}));
  EXPECT_EQ(node_of(graph, "layer2.3.relu3").output, (Shape{512, 28, 28}));
  EXPECT_EQ(node_of(graph, "layer3.5.relu3").output, (Shape{1024, 14, 14}));
  EXPECT_EQ(node_of(graph, "layer4.2.relu3").output, (Shape{2048, 7, 7}));
  EXPECT_EQ(node_of(graph, "avgpool").output, (Shape{2048, 1, 1}));
  EXPECT_EQ(node_of(graph, "fc").output, (Shape{1000, 1, 1}));
  EXPECT_EQ(node_of(graph, "loss").output, (Shape{1, 1, 1}));
}

TEST(BuildGraph, PutsTheStrideIntoTheGrouped3x3) {
  const Graph graph = graph_of("resnext50_32x4d");
  for (const Node& node : graph.nodes) {
    if (node.op != Op::kConvolution || !node.name.starts_with("layer")) continue;
    const bool strided = node.name == "layer2.0.conv2" || node.name == "layer3.0.conv2" ||
                         node.name == "layer4.0.conv2" || node.name == "layer2.0.downsample.0" ||
                         node.name == "layer3.0.downsample.0" ||
                         node.name == "layer4.0.downsample.0";
    EXPECT_EQ(node.window.stride, strided ? 2 : 1) << node.name;
    const bool grouped = node.name.ends_with(".conv2");
    EXPECT_EQ(node.groups, grouped ? 32 : 1) << node.name;
    EXPECT_EQ(node.window.kernel, grouped ? 3 : 1) << node.name;
    EXPECT_EQ(node.window.padding, grouped ? 1 : 0) << node.name;
  }
}

TEST(BuildGraph, WiresABlockAsFigure3c) {
  const Graph graph = graph_of("resnext50_32x4d");
  EXPECT_EQ(input_names(graph, "layer2.0.conv1"), Names{"layer1.2.relu3"});
  EXPECT_EQ(input_names(graph, "layer2.0.bn1"), Names{"layer2.0.conv1"});
  EXPECT_EQ(input_names(graph, "layer2.0.conv2"), Names{"layer2.0.relu1"});
  EXPECT_EQ(input_names(graph, "layer2.0.conv3"), Names{"layer2.0.relu2"});
  EXPECT_EQ(input_names(graph, "layer2.0.downsample.0"), Names{"layer1.2.relu3"});
  EXPECT_EQ(input_names(graph, "layer2.0.add"), (Names{"layer2.0.bn3", "layer2.0.downsample.1"}));
  EXPECT_EQ(input_names(graph, "layer2.0.relu3"), Names{"layer2.0.add"});
  EXPECT_EQ(input_names(graph, "layer2.1.add"), (Names{"layer2.1.bn3", "layer2.0.relu3"}));
}

TEST(BuildGraph, ProjectsOnlyWhereTheShapeChanges) {
  const auto projections = [](const Graph& graph) {
    Names names;
    for (const Node& node : graph.nodes) {
      if (node.name.ends_with("downsample.0")) names.push_back(node.name);
    }
    return names;
  };
  EXPECT_EQ(projections(graph_of("resnet50")),
            (Names{"layer1.0.downsample.0", "layer2.0.downsample.0", "layer3.0.downsample.0",
                   "layer4.0.downsample.0"}));
  EXPECT_EQ(projections(graph_of("resnext29_8x64d_cifar", {3, 32, 32}, 10)),
            (Names{"layer1.0.downsample.0", "layer2.0.downsample.0", "layer3.0.downsample.0"}));
}

TEST(BuildGraph, WiresPreactivatedBlocks) {
  const Graph graph = graph_of("resnet50_preact");
  // The stem ends in an activation: the first block needs none.
  EXPECT_EQ(input_names(graph, "layer1.0.conv1"), Names{"maxpool"});
  EXPECT_EQ(input_names(graph, "layer1.0.downsample.0"), Names{"maxpool"});
  EXPECT_EQ(input_names(graph, "layer1.0.add"), (Names{"layer1.0.conv3", "layer1.0.downsample.0"}));
  // An identity takes the raw sum.
  EXPECT_EQ(input_names(graph, "layer1.1.bn1"), Names{"layer1.0.add"});
  EXPECT_EQ(input_names(graph, "layer1.1.conv1"), Names{"layer1.1.relu1"});
  EXPECT_EQ(input_names(graph, "layer1.1.add"), (Names{"layer1.1.conv3", "layer1.0.add"}));
  // A projection shares the first activation.
  EXPECT_EQ(input_names(graph, "layer2.0.bn1"), Names{"layer1.2.add"});
  EXPECT_EQ(input_names(graph, "layer2.0.downsample.0"), Names{"layer2.0.relu1"});
  EXPECT_EQ(input_names(graph, "layer2.0.bn3"), Names{"layer2.0.conv2"});
  EXPECT_EQ(input_names(graph, "bn_last"), Names{"layer4.2.add"});
  EXPECT_EQ(input_names(graph, "avgpool"), Names{"relu_last"});
}

TEST(BuildGraph, WiresShortcutsOfEachType) {
  const Graph a = graph_of("resnet50_shortcut_a");
  EXPECT_EQ(input_names(a, "layer2.0.add"), (Names{"layer2.0.bn3", "layer2.0.downsample"}));
  EXPECT_EQ(node_of(a, "layer2.0.downsample").op, Op::kZeroPadding);
  EXPECT_EQ(node_of(a, "layer2.0.downsample").output, (Shape{512, 28, 28}));
  EXPECT_EQ(input_names(a, "layer2.1.add"), (Names{"layer2.1.bn3", "layer2.0.relu3"}));
  const Graph c = graph_of("resnet50_shortcut_c");
  EXPECT_EQ(input_names(c, "layer2.1.add"), (Names{"layer2.1.bn3", "layer2.1.downsample.1"}));
  const Graph none = graph_of("resnet50_noshortcut");
  EXPECT_EQ(input_names(none, "layer2.1.relu3"), Names{"layer2.1.bn3"});
  EXPECT_TRUE(std::ranges::none_of(none.nodes, [](const Node& n) { return n.op == Op::kAdd; }));
}

TEST(BuildGraph, StartsOnlyTheLastGammasAtZero) {
  const Graph graph =
      build_graph(parse_spec("resnext50_32x4d"), kImageNetInput, 10, {.zero_last_gamma = true});
  int zero = 0;
  for (const Parameter& parameter : graph.parameters) {
    if (!parameter.name.ends_with("weight") || parameter.shape.size() > 1) continue;
    const bool last = parameter.name.ends_with("bn3.weight");
    EXPECT_EQ(parameter.initialisation, last ? Initialisation::kZero : Initialisation::kOne)
        << parameter.name;
    zero += last ? 1 : 0;
  }
  EXPECT_EQ(zero, 16);
  EXPECT_THROW(
      build_graph(parse_spec("resnet50_preact"), kImageNetInput, 10, {.zero_last_gamma = true}),
      std::invalid_argument);
  EXPECT_THROW(build_graph(parse_spec("resnet50"), kImageNetInput, 10, {.label_smoothing = 1}),
               std::invalid_argument);
}

TEST(BuildGraph, IsInTopologicalOrderWithUniqueNames) {
  const Graph graph = graph_of("resnext101_32x4d");
  std::set<std::string> names;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    EXPECT_TRUE(names.insert(graph.nodes[i].name).second) << graph.nodes[i].name;
    for (const int input : graph.nodes[i].inputs) EXPECT_LT(input, static_cast<int>(i));
  }
  EXPECT_EQ(graph.nodes.front().op, Op::kInput);
  EXPECT_EQ(graph.nodes.back().op, Op::kSoftmaxCrossEntropy);
  EXPECT_EQ(graph.outputs, std::vector<int>{static_cast<int>(graph.nodes.size()) - 2});
  EXPECT_EQ(graph.losses, std::vector<int>{static_cast<int>(graph.nodes.size()) - 1});
}

TEST(BuildGraph, NamesAndShapesParametersAsTorchvision) {
  const Graph graph = graph_of("resnext50_32x4d");
  std::map<std::string, Extents> shapes;
  for (const Parameter& parameter : graph.parameters) shapes[parameter.name] = parameter.shape;
  EXPECT_EQ(shapes.size(), graph.parameters.size());
  EXPECT_EQ(shapes.at("conv1.weight"), (Extents{64, 3, 7, 7}));
  EXPECT_EQ(shapes.at("layer1.0.conv2.weight"), (Extents{128, 4, 3, 3}));
  EXPECT_EQ(shapes.at("layer1.0.bn3.bias"), (Extents{256}));
  EXPECT_EQ(shapes.at("layer4.0.downsample.0.weight"), (Extents{2048, 1024, 1, 1}));
  EXPECT_EQ(shapes.at("fc.weight"), (Extents{1000, 2048}));
}

/// Every value of the arena belongs to one parameter, and a node's parameters lie before those of
/// every earlier node: what the backward pass has finished is a prefix.
TEST(BuildGraph, LaysTheArenaOutInBackwardOrder) {
  const Graph graph = graph_of("resnext50_32x4d");
  std::size_t offset = 0;
  int next = 0;
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
    for (const int index : node->parameters) {
      ASSERT_EQ(index, next++);
      const Parameter& parameter = graph.parameters.at(index);
      EXPECT_EQ(parameter.offset, offset) << parameter.name;
      std::int64_t count = 1;
      for (const std::int64_t extent : parameter.shape) count *= extent;
      EXPECT_EQ(static_cast<std::int64_t>(parameter.count), count) << parameter.name;
      EXPECT_TRUE(parameter.name.starts_with(node->name + "."));
      offset += parameter.count;
    }
  }
  EXPECT_EQ(offset, graph.parameter_count);
  EXPECT_EQ(graph.parameters.size(), static_cast<std::size_t>(next));
  EXPECT_EQ(graph.parameters.front().name, "fc.weight");
  EXPECT_EQ(graph.parameters.at(1).name, "fc.bias");
  EXPECT_EQ(graph.parameters.back().name, "conv1.weight");
}

TEST(BuildGraph, KeepsMeanAndVarianceOfEveryBatchNorm) {
  const Graph graph = graph_of("resnet50");
  std::size_t offset = 0;
  for (const Node& node : graph.nodes) {
    if (node.op != Op::kBatchNorm) {
      EXPECT_TRUE(node.statistics.empty()) << node.name;
      continue;
    }
    ASSERT_EQ(node.statistics.size(), 2U);
    const Statistic& mean = graph.statistics.at(node.statistics[0]);
    const Statistic& variance = graph.statistics.at(node.statistics[1]);
    EXPECT_EQ(mean.name, node.name + ".running_mean");
    EXPECT_EQ(variance.name, node.name + ".running_var");
    EXPECT_EQ(mean.offset, offset);
    EXPECT_EQ(variance.offset, offset + mean.count);
    EXPECT_EQ(mean.count, static_cast<std::size_t>(node.output.channels));
    offset += mean.count + variance.count;
  }
  EXPECT_EQ(offset, graph.statistic_count);
}

TEST(BuildGraph, LabelsNodesWithThePapersStages) {
  const auto stages = [](const Graph& graph) {
    Names labels;
    for (const Node& node : graph.nodes) {
      if (labels.empty() || labels.back() != node.stage) labels.push_back(node.stage);
    }
    return labels;
  };
  const Graph graph = graph_of("resnet50");
  EXPECT_EQ(stages(graph), (Names{"input", "conv1", "conv2", "conv3", "conv4", "conv5", "head"}));
  EXPECT_EQ(node_of(graph, "maxpool").stage, "conv2");
  EXPECT_EQ(stages(graph_of("resnet29_cifar", {3, 32, 32}, 10)),
            (Names{"input", "conv1", "conv2", "conv3", "conv4", "head"}));
}

TEST(BuildGraph, TakesGreyAndOddSizedImages) {
  const Graph grey = graph_of("resnext11_4x4d_cifar_w16", {1, 28, 28}, 10);
  EXPECT_EQ(node_of(grey, "conv1").output, (Shape{16, 28, 28}));
  EXPECT_EQ(node_of(grey, "layer2.0.relu3").output, (Shape{128, 14, 14}));
  EXPECT_EQ(node_of(grey, "layer3.0.relu3").output, (Shape{256, 7, 7}));
  EXPECT_EQ(grey.parameters.back().shape, (Extents{16, 1, 3, 3}));
  const Graph odd = graph_of("resnext11_4x8d_cifar", {3, 33, 27}, 10);
  EXPECT_EQ(node_of(odd, "layer2.0.add").output, (Shape{512, 17, 14}));
  EXPECT_EQ(node_of(odd, "layer3.0.add").output, (Shape{1024, 9, 7}));
  EXPECT_EQ(node_of(graph_of("resnet50", {3, 33, 47}), "layer4.2.add").output, (Shape{2048, 2, 2}));
}

TEST(BuildGraph, RefusesSizesThatCannotWork) {
  EXPECT_NE(error_of("resnet50", {3, 31, 224}, 10).find("31x224x3"), std::string::npos);
  EXPECT_NE(error_of("resnet50", {3, 31, 224}, 10).find("at least 32x32"), std::string::npos);
  EXPECT_NE(error_of("resnet29_cifar", {3, 3, 3}, 10).find("at least 4x4"), std::string::npos);
  EXPECT_EQ(error_of("resnet29_cifar", {3, 4, 4}, 10), "");
  EXPECT_EQ(error_of("resnet50", {3, 32, 32}, 10), "");
  EXPECT_NE(error_of("resnet50", {0, 224, 224}, 10).find("channels"), std::string::npos);
  EXPECT_NE(error_of("resnet50", {3, 99'999'999, 224}, 10).find("too large"), std::string::npos);
  EXPECT_NE(error_of("resnet50", kImageNetInput, 0).find("classes"), std::string::npos);
}

}  // namespace
}  // namespace resnext::net
