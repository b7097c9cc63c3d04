#include "net/graph.h"

#include <algorithm>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace resnext::net {
namespace {

constexpr int kMaxInputSide = 4096;  // so that no count below can overflow
constexpr int kMaxInputChannels = 1024;

int output_side(int side, const Window& window) {
  return (side + 2 * window.padding - window.kernel) / window.stride + 1;
}

int total_stride(const Spec& spec) {
  const int stem = spec.stem == Stem::kImageNet ? 4 : 1;
  return stem << (spec.blocks_per_stage.size() - 1);
}

void check_sizes(const Spec& spec, const Shape& input, int classes) {
  const std::string size = fmt::format("{}x{}x{}", input.height, input.width, input.channels);
  const int smallest = total_stride(spec);
  if (input.channels < 1 || input.channels > kMaxInputChannels) {
    throw std::invalid_argument(fmt::format("{}: an input of {} (HxWxC) has not 1 to {} channels",
                                            spec.name, size, kMaxInputChannels));
  }
  if (std::min(input.height, input.width) < smallest) {
    throw std::invalid_argument(
        fmt::format("{}: an input of {} (HxWxC) is too small; its strides need at least {}x{}",
                    spec.name, size, smallest, smallest));
  }
  if (std::max(input.height, input.width) > kMaxInputSide) {
    throw std::invalid_argument(
        fmt::format("{}: an input of {} (HxWxC) is too large; at most {}x{}", spec.name, size,
                    kMaxInputSide, kMaxInputSide));
  }
  if (classes < 1) {
    throw std::invalid_argument(
        fmt::format("{}: the number of classes must be positive, not {}", spec.name, classes));
  }
}

/// Appends nodes one by one; parameters are collected in forward order, and put into backward order
/// at the end.
class Builder {
 public:
  Builder(const Spec& spec, Shape input, int classes, const GraphOptions& options) {
    graph_.spec = spec;
    graph_.options = options;
    graph_.input = input;
    graph_.classes = classes;
  }

  Graph build() {
    const Spec& spec = graph_.spec;
    stage_ = "input";
    int last = add(Op::kInput, "input", {}, graph_.input);
    last = stem(last);
    for (std::size_t stage = 0; stage < spec.blocks_per_stage.size(); ++stage) {
      stage_ = fmt::format("conv{}", stage + 2);
      for (int block = 0; block < spec.blocks_per_stage[stage]; ++block) {
        last = bottleneck(last, static_cast<int>(stage), block);
      }
    }
    head(last);
    put_parameters_in_backward_order();
    return std::move(graph_);
  }

 private:
  int stem(int input) {
    const bool imagenet = graph_.spec.stem == Stem::kImageNet;
    const Window window = imagenet ? Window{.kernel = 7, .stride = 2, .padding = 3}
                                   : Window{.kernel = 3, .stride = 1, .padding = 1};
    stage_ = "conv1";
    int last = convolution("conv1", input, graph_.spec.base_width, window, 1);
    last = batch_norm("bn1", last);
    last = relu("relu", last);
    if (!imagenet) return last;
    stage_ = "conv2";
    return max_pool("maxpool", last, {.kernel = 3, .stride = 2, .padding = 1});
  }

  /// One block of Figure 3(c): 1x1, grouped 3x3 with the stride, 1x1; ReLU after the addition.
  int bottleneck(int input, int stage, int block) {
    const Spec& spec = graph_.spec;
    const std::string prefix = fmt::format("layer{}.{}.", stage + 1, block);
    const int stride = stage > 0 && block == 0 ? 2 : 1;
    const int width = spec.grouped_width(stage);
    const int outputs = spec.output_width(stage);
    int last = convolution(prefix + "conv1", input, width, {}, 1);
    last = batch_norm(prefix + "bn1", last);
    last = relu(prefix + "relu1", last);
    last = convolution(prefix + "conv2", last, width, {.kernel = 3, .stride = stride, .padding = 1},
                       spec.cardinality);
    last = batch_norm(prefix + "bn2", last);
    last = relu(prefix + "relu2", last);
    last = convolution(prefix + "conv3", last, outputs, {}, 1);
    last = batch_norm(prefix + "bn3", last);
    int shortcut = input;
    if (shape_of(input) != shape_of(last)) {
      shortcut = convolution(prefix + "downsample.0", input, outputs, {.stride = stride}, 1);
      shortcut = batch_norm(prefix + "downsample.1", shortcut);
    }
    last = add(Op::kAdd, prefix + "add", {last, shortcut}, shape_of(last));
    return relu(prefix + "relu3", last);
  }

  void head(int input) {
    stage_ = "head";
    const int features = shape_of(input).channels;
    const int pooled = add(Op::kGlobalAveragePool, "avgpool", {input}, Shape{.channels = features});
    const int logits = add(Op::kLinear, "fc", {pooled}, Shape{.channels = graph_.classes});
    parameter(logits, "weight", {graph_.classes, features}, Initialisation::kLinear);
    parameter(logits, "bias", {graph_.classes}, Initialisation::kZero);
    const int loss = add(Op::kSoftmaxCrossEntropy, "loss", {logits}, Shape{.channels = 1});
    graph_.outputs = {logits};
    graph_.losses = {loss};
  }

  int convolution(const std::string& name, int input, int channels, Window window, int groups) {
    const Shape from = shape_of(input);
    const Shape to{channels, output_side(from.height, window), output_side(from.width, window)};
    const int node = add(Op::kConvolution, name, {input}, to, window, groups);
    parameter(node, "weight", {channels, from.channels / groups, window.kernel, window.kernel},
              Initialisation::kConvolution);
    return node;
  }

  int batch_norm(const std::string& name, int input) {
    const int node = add(Op::kBatchNorm, name, {input}, shape_of(input));
    const int channels = shape_of(input).channels;
    parameter(node, "weight", {channels}, Initialisation::kOne);
    parameter(node, "bias", {channels}, Initialisation::kZero);
    statistic(node, "running_mean", channels, 0.0F);
    statistic(node, "running_var", channels, 1.0F);
    return node;
  }

  int relu(const std::string& name, int input) {
    return add(Op::kRelu, name, {input}, shape_of(input));
  }

  int max_pool(const std::string& name, int input, Window window) {
    const Shape from = shape_of(input);
    return add(Op::kMaxPool, name, {input},
               {from.channels, output_side(from.height, window), output_side(from.width, window)},
               window);
  }

  int add(Op op, std::string name, std::vector<int> inputs, Shape output, Window window = {},
          int groups = 1) {
    Node node;
    node.op = op;
    node.name = std::move(name);
    node.inputs = std::move(inputs);
    node.output = output;
    node.window = window;
    node.groups = groups;
    node.stage = stage_;
    graph_.nodes.push_back(std::move(node));
    return static_cast<int>(graph_.nodes.size()) - 1;
  }

  const Shape& shape_of(int node) const {
    return graph_.nodes[static_cast<std::size_t>(node)].output;
  }

  void parameter(int node, std::string_view role, std::vector<std::int64_t> shape,
                 Initialisation initialisation) {
    Node& owner = graph_.nodes[static_cast<std::size_t>(node)];
    std::size_t count = 1;
    for (const std::int64_t extent : shape) count *= static_cast<std::size_t>(extent);
    owner.parameters.push_back(static_cast<int>(graph_.parameters.size()));
    graph_.parameters.push_back(
        {fmt::format("{}.{}", owner.name, role), std::move(shape), 0, count, initialisation});
  }

  void statistic(int node, std::string_view role, int channels, float initial) {
    Node& owner = graph_.nodes[static_cast<std::size_t>(node)];
    owner.statistics.push_back(static_cast<int>(graph_.statistics.size()));
    graph_.statistics.push_back({.name = fmt::format("{}.{}", owner.name, role),
                                 .offset = graph_.statistic_count,
                                 .count = static_cast<std::size_t>(channels),
                                 .initial = initial});
    graph_.statistic_count += static_cast<std::size_t>(channels);
  }

  void put_parameters_in_backward_order() {
    std::vector<Parameter> forward = std::exchange(graph_.parameters, {});
    for (auto node = graph_.nodes.rbegin(); node != graph_.nodes.rend(); ++node) {
      for (int& index : node->parameters) {
        Parameter& parameter = forward[static_cast<std::size_t>(index)];
        parameter.offset = graph_.parameter_count;
        graph_.parameter_count += parameter.count;
        index = static_cast<int>(graph_.parameters.size());
        graph_.parameters.push_back(std::move(parameter));
      }
    }
  }

  Graph graph_;
  std::string stage_;
};

}  // namespace

Graph build_graph(const Spec& spec, Shape input, int classes, const GraphOptions& options) {
  check_sizes(spec, input, classes);
  return Builder(spec, input, classes, options).build();
}

}  // namespace resnext::net
