#include "net/shape_inference.h"

#include <stdexcept>

#include <fmt/format.h>

namespace resnext::net {
namespace {

int slide(const Node& node, int side) {
  const Window& window = node.window;
  const int room = side + 2 * window.padding - window.kernel;
  if (room < 0) {
    throw std::invalid_argument(
        fmt::format("{}: a {} x {} window finds no room on {} padded pixels", node.name,
                    window.kernel, window.kernel, side + 2 * window.padding));
  }
  return room / window.stride + 1;
}

int subsample(const Node& node, int side) {
  return (side - 1) / node.window.stride + 1;
}

}  // namespace

Shape inferred_shape(const Graph& graph, const Node& node) {
  if (node.op == Op::kInput) return graph.input;
  const Shape& from = graph.nodes.at(std::size_t(node.inputs.at(0))).output;
  const int chosen = node.output.channels;
  switch (node.op) {
    case Op::kConvolution:
      return {chosen, slide(node, from.height), slide(node, from.width)};
    case Op::kMaxPool:
      return {from.channels, slide(node, from.height), slide(node, from.width)};
    case Op::kZeroPadding:
      return {chosen, subsample(node, from.height), subsample(node, from.width)};
    case Op::kGlobalAveragePool:
      return {from.channels, 1, 1};
    case Op::kLinear:
      return {chosen, 1, 1};
    case Op::kSoftmaxCrossEntropy:
      return {1, 1, 1};
    case Op::kConcatenation: {
      Shape shape{0, from.height, from.width};
      for (const int input : node.inputs) {
        shape.channels += graph.nodes.at(std::size_t(input)).output.channels;
      }
      return shape;
    }
    case Op::kInput:
    case Op::kBatchNorm:
    case Op::kRelu:
    case Op::kAdd:
      break;
  }
  return from;
}

Graph with_input_size(Graph graph, int height, int width) {
  graph.input.height = height;
  graph.input.width = width;
  for (Node& node : graph.nodes) {
    node.output = inferred_shape(graph, node);
    if (node.op != Op::kLinear) continue;
    const auto features =
        static_cast<std::int64_t>(graph.nodes[std::size_t(node.inputs.front())].output.count());
    const Parameter& weight = graph.parameters[std::size_t(node.parameters.front())];
    if (weight.shape.at(1) != features) {
      throw std::invalid_argument(fmt::format("{}: takes {} features, not the {} of {}x{} images",
                                              node.name, weight.shape.at(1), features, height,
                                              width));
    }
  }
  return graph;
}

}  // namespace resnext::net
