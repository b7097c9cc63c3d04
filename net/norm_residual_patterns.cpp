#include "net/norm_residual_patterns.h"

#include <optional>

namespace resnext::net {
namespace {

/// The only node that reads `node`, if there is just one.
std::optional<int> single_consumer(const Graph& graph, int node) {
  std::optional<int> consumer;
  for (int other = 0; other < static_cast<int>(graph.nodes.size()); ++other) {
    for (const int input : graph.nodes[other].inputs) {
      if (input != node) continue;
      if (consumer) return std::nullopt;
      consumer = other;
    }
  }
  for (const int output : graph.outputs) {
    if (output == node) return std::nullopt;
  }
  return consumer;
}

bool is_elementwise(Op op) {
  return op == Op::kBatchNorm || op == Op::kAdd || op == Op::kRelu;
}

ResidualBranch branch_of(const Graph& graph, const std::vector<bool>& absorbed, int node) {
  if (absorbed[node] && graph.nodes[node].op == Op::kBatchNorm) {
    return {node, graph.nodes[node].inputs.front()};
  }
  return {-1, node};
}

NormResidualPattern pattern_ending_at(const Graph& graph, const std::vector<bool>& absorbed,
                                      int node) {
  NormResidualPattern pattern{node, {}, graph.nodes[node].op == Op::kRelu};
  int last = node;
  if (pattern.relu && absorbed[graph.nodes[node].inputs.front()]) {
    last = graph.nodes[node].inputs.front();
  }
  const Node& summing = graph.nodes[last];
  if (summing.op == Op::kBatchNorm) {
    pattern.branches = {{last, summing.inputs.front()}};
  } else {
    for (const int input : summing.inputs) {
      pattern.branches.push_back(branch_of(graph, absorbed, input));
    }
  }
  return pattern;
}

}  // namespace

NormResidualPatterns find_norm_residual_patterns(const Graph& graph) {
  const int count = static_cast<int>(graph.nodes.size());
  NormResidualPatterns patterns{std::vector<NormResidualPattern>(count),
                                std::vector<bool>(count, false)};
  for (int node = 0; node < count; ++node) {
    const Op op = graph.nodes[node].op;
    const std::optional<int> consumer = single_consumer(graph, node);
    if (!consumer) continue;
    const Op next = graph.nodes[*consumer].op;
    patterns.absorbed[node] = (op == Op::kBatchNorm && (next == Op::kAdd || next == Op::kRelu)) ||
                              (op == Op::kAdd && next == Op::kRelu);
  }
  for (int node = 0; node < count; ++node) {
    if (!is_elementwise(graph.nodes[node].op) || patterns.absorbed[node]) continue;
    patterns.at[node] = pattern_ending_at(graph, patterns.absorbed, node);
  }
  return patterns;
}

}  // namespace resnext::net
