#include "net/graph_builder.h"

#include <utility>

#include <fmt/format.h>

#include "net/shape_inference.h"

namespace resnext::net {

GraphBuilder::GraphBuilder(const Spec& spec, Shape input, int classes,
                           const GraphOptions& options) {
  graph_.spec = spec;
  graph_.options = options;
  graph_.input = input;
  graph_.classes = classes;
}

int GraphBuilder::input() {
  return add(Op::kInput, "input", {});
}

int GraphBuilder::convolution(const std::string& name, int input, int channels, Window window,
                              int groups) {
  const int node = add(Op::kConvolution, name, {input}, window, groups, channels);
  parameter(node, "weight",
            {channels, shape_of(input).channels / groups, window.kernel, window.kernel},
            Initialisation::kConvolution);
  return node;
}

int GraphBuilder::batch_norm(const std::string& name, int input, Initialisation gamma) {
  const int node = add(Op::kBatchNorm, name, {input});
  const int channels = shape_of(input).channels;
  parameter(node, "weight", {channels}, gamma);
  parameter(node, "bias", {channels}, Initialisation::kZero);
  statistic(node, "running_mean", channels, 0.0F);
  statistic(node, "running_var", channels, 1.0F);
  return node;
}

int GraphBuilder::relu(const std::string& name, int input) {
  return add(Op::kRelu, name, {input});
}

int GraphBuilder::sum(const std::string& name, int first, int second) {
  return add(Op::kAdd, name, {first, second});
}

int GraphBuilder::concatenation(const std::string& name, std::vector<int> inputs) {
  return add(Op::kConcatenation, name, std::move(inputs));
}

int GraphBuilder::zero_padding(const std::string& name, int input, int channels, int stride) {
  return add(Op::kZeroPadding, name, {input}, {.stride = stride}, 1, channels);
}

int GraphBuilder::max_pool(const std::string& name, int input, Window window) {
  return add(Op::kMaxPool, name, {input}, window);
}

int GraphBuilder::global_average_pool(const std::string& name, int input) {
  return add(Op::kGlobalAveragePool, name, {input},
             {.kernel = graph_.options.averaging_window, .stride = 1});
}

int GraphBuilder::linear(const std::string& name, int input, int classes) {
  const int node = add(Op::kLinear, name, {input}, {}, 1, classes);
  const auto features = static_cast<std::int64_t>(shape_of(input).count());
  parameter(node, "weight", {classes, features}, Initialisation::kLinear);
  parameter(node, "bias", {classes}, Initialisation::kZero);
  return node;
}

void GraphBuilder::loss(const std::string& name, int logits) {
  const int node = add(Op::kSoftmaxCrossEntropy, name, {logits});
  graph_.nodes[std::size_t(node)].label_smoothing = graph_.options.label_smoothing;
  graph_.outputs.push_back(logits);
  graph_.losses.push_back(node);
}

int GraphBuilder::add(Op op, std::string name, std::vector<int> inputs, Window window, int groups,
                      int channels) {
  Node node;
  node.op = op;
  node.name = std::move(name);
  node.inputs = std::move(inputs);
  node.window = window;
  node.groups = groups;
  node.stage = stage_;
  node.output.channels = channels;
  node.output = inferred_shape(graph_, node);
  graph_.nodes.push_back(std::move(node));
  return static_cast<int>(graph_.nodes.size()) - 1;
}

void GraphBuilder::parameter(int node, std::string_view role, std::vector<std::int64_t> shape,
                             Initialisation initialisation) {
  Node& owner = graph_.nodes[std::size_t(node)];
  std::size_t count = 1;
  for (const std::int64_t extent : shape) count *= static_cast<std::size_t>(extent);
  owner.parameters.push_back(static_cast<int>(graph_.parameters.size()));
  graph_.parameters.push_back(
      {fmt::format("{}.{}", owner.name, role), std::move(shape), 0, count, initialisation});
}

void GraphBuilder::statistic(int node, std::string_view role, int channels, float initial) {
  Node& owner = graph_.nodes[std::size_t(node)];
  owner.statistics.push_back(static_cast<int>(graph_.statistics.size()));
  graph_.statistics.push_back({.name = fmt::format("{}.{}", owner.name, role),
                               .offset = graph_.statistic_count,
                               .count = static_cast<std::size_t>(channels),
                               .initial = initial});
  graph_.statistic_count += static_cast<std::size_t>(channels);
}

Graph GraphBuilder::finish() {
  std::vector<Parameter> forward = std::exchange(graph_.parameters, {});
  for (auto node = graph_.nodes.rbegin(); node != graph_.nodes.rend(); ++node) {
    for (int& index : node->parameters) {
      Parameter& parameter = forward[std::size_t(index)];
      parameter.offset = graph_.parameter_count;
      graph_.parameter_count += parameter.count;
      index = static_cast<int>(graph_.parameters.size());
      graph_.parameters.push_back(std::move(parameter));
    }
  }
  return std::move(graph_);
}

}  // namespace resnext::net
