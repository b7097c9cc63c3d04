#pragma once
// What a graph costs: parameters, multiply-adds, activation memory, per node and in total.

#include <cstdint>

#include "net/graph.h"

namespace resnext::net {

struct Complexity {
  std::uint64_t parameters = 0;
  std::uint64_t multiply_adds = 0;     ///< of one image, forward (the paper's "FLOPs")
  std::uint64_t activation_values = 0; ///< output values of one image (times 4 bytes in fp32)
};

/// Cost of one node. Multiply-adds count convolutions and linear layers, as the paper does.
Complexity node_complexity(const Graph& graph, const Node& node);

/// Sum over all nodes.
Complexity graph_complexity(const Graph& graph);

}  // namespace resnext::net
