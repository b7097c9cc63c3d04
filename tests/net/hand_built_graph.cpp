#include "tests/net/hand_built_graph.h"

#include <utility>

#include <fmt/format.h>

namespace resnext::net {
namespace {

int side(int input, const Window& window) {
  return (input + 2 * window.padding - window.kernel) / window.stride + 1;
}

Shape slide(Shape from, int channels, const Window& window) {
  return {channels, side(from.height, window), side(from.width, window)};
}

}  // namespace

HandBuiltGraph::HandBuiltGraph(Shape input) {
  graph_.input = input;
  graph_.spec.name = "hand-built";
  append(Op::kInput, {}, input);
}

int HandBuiltGraph::append(Op op, std::vector<int> inputs, Shape output, Window window,
                           int groups) {
  Node node;
  node.op = op;
  node.name = fmt::format("node{}", graph_.nodes.size());
  node.inputs = std::move(inputs);
  node.output = output;
  node.window = window;
  node.groups = groups;
  graph_.nodes.push_back(node);
  return static_cast<int>(graph_.nodes.size()) - 1;
}

void HandBuiltGraph::parameter(int node, const char* role, std::vector<std::int64_t> shape,
                               Initialisation initialisation) {
  std::size_t count = 1;
  for (const std::int64_t extent : shape) count *= std::size_t(extent);
  graph_.nodes[node].parameters.push_back(static_cast<int>(graph_.parameters.size()));
  graph_.parameters.push_back({fmt::format("{}.{}", graph_.nodes[node].name, role),
                               std::move(shape), 0, count, initialisation});
}

void HandBuiltGraph::statistic(int node, const char* role, float initial) {
  const auto channels = std::size_t(shape(node).channels);
  graph_.nodes[node].statistics.push_back(static_cast<int>(graph_.statistics.size()));
  graph_.statistics.push_back({fmt::format("{}.{}", graph_.nodes[node].name, role),
                               graph_.statistic_count, channels, initial});
  graph_.statistic_count += channels;
}

int HandBuiltGraph::convolution(int input, int channels, Window window, int groups) {
  const Shape from = shape(input);
  const int node = append(Op::kConvolution, {input}, slide(from, channels, window), window, groups);
  parameter(node, "weight", {channels, from.channels / groups, window.kernel, window.kernel},
            Initialisation::kConvolution);
  return node;
}

int HandBuiltGraph::batch_norm(int input) {
  const int node = append(Op::kBatchNorm, {input}, shape(input));
  parameter(node, "weight", {shape(input).channels}, Initialisation::kOne);
  parameter(node, "bias", {shape(input).channels}, Initialisation::kZero);
  statistic(node, "running_mean", 0.0F);
  statistic(node, "running_var", 1.0F);
  return node;
}

int HandBuiltGraph::relu(int input) {
  return append(Op::kRelu, {input}, shape(input));
}

int HandBuiltGraph::add(int first, int second) {
  return append(Op::kAdd, {first, second}, shape(first));
}

int HandBuiltGraph::concatenation(std::vector<int> inputs) {
  Shape to = shape(inputs.front());
  to.channels = 0;
  for (const int input : inputs) to.channels += shape(input).channels;
  return append(Op::kConcatenation, std::move(inputs), to);
}

int HandBuiltGraph::zero_padding(int input, int channels, int stride) {
  const Window window{.kernel = 1, .stride = stride, .padding = 0};
  return append(Op::kZeroPadding, {input}, slide(shape(input), channels, window), window);
}

int HandBuiltGraph::max_pool(int input, Window window) {
  return append(Op::kMaxPool, {input}, slide(shape(input), shape(input).channels, window), window);
}

int HandBuiltGraph::global_average_pool(int input, int window) {
  return append(Op::kGlobalAveragePool, {input}, {shape(input).channels, 1, 1}, {.kernel = window});
}

int HandBuiltGraph::linear(int input, int classes) {
  const int node = append(Op::kLinear, {input}, {classes, 1, 1});
  parameter(node, "weight", {classes, std::int64_t(shape(input).count())}, Initialisation::kLinear);
  parameter(node, "bias", {classes}, Initialisation::kZero);
  return node;
}

int HandBuiltGraph::loss(int logits, float label_smoothing) {
  const int node = append(Op::kSoftmaxCrossEntropy, {logits}, {1, 1, 1});
  graph_.nodes[node].label_smoothing = label_smoothing;
  graph_.classes = shape(logits).channels;
  graph_.outputs.push_back(logits);
  graph_.losses.push_back(node);
  return node;
}

Graph HandBuiltGraph::graph() const {
  Graph graph = graph_;
  graph.parameters.clear();
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
    for (int& index : node->parameters) {
      graph.parameters.push_back(graph_.parameters[index]);
      graph.parameters.back().offset = graph.parameter_count;
      graph.parameter_count += graph.parameters.back().count;
      index = static_cast<int>(graph.parameters.size()) - 1;
    }
  }
  return graph;
}

}  // namespace resnext::net
