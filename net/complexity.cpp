#include "net/complexity.h"

namespace resnext::net {
namespace {

/// Every value of a convolution's or linear layer's weight is used once per output position.
std::uint64_t multiply_adds(const Graph& graph, const Node& node) {
  if (node.op != Op::kConvolution && node.op != Op::kLinear) return 0;
  const auto weight = static_cast<std::size_t>(node.parameters.front());
  const auto positions = std::uint64_t(node.output.height) * std::uint64_t(node.output.width);
  return graph.parameters[weight].count * positions;
}

}  // namespace

Complexity& Complexity::operator+=(const Complexity& other) {
  parameters += other.parameters;
  multiply_adds += other.multiply_adds;
  activation_values += other.activation_values;
  return *this;
}

Complexity node_complexity(const Graph& graph, const Node& node) {
  Complexity result;
  for (const int index : node.parameters) {
    result.parameters += graph.parameters[static_cast<std::size_t>(index)].count;
  }
  result.multiply_adds = multiply_adds(graph, node);
  const bool kept = node.op != Op::kRelu && node.op != Op::kInput;
  result.activation_values = kept ? node.output.count() : 0;
  return result;
}

Complexity graph_complexity(const Graph& graph) {
  Complexity total;
  for (const Node& node : graph.nodes) total += node_complexity(graph, node);
  return total;
}

}  // namespace resnext::net
