#pragma once
// What a graph costs: parameters, multiply-adds, activation memory, per node and in total.

#include <cstdint>

#include "net/graph.h"

namespace resnext::net {

struct Complexity {
  std::uint64_t parameters = 0;
  std::uint64_t multiply_adds = 0;  ///< of one image, forward (the paper's "FLOPs")
  std::uint64_t activation_values =
      0;  ///< what training keeps of one image (times 4 bytes in fp32)

  Complexity& operator+=(const Complexity& other);
  bool operator==(const Complexity&) const = default;
};

/// Cost of one node. Multiply-adds count convolutions and linear layers, as the paper does.
/// Activation values are those of the node's output; a ReLU has none, as it works in place. (What
/// an engine really allocates depends on what it fuses: Engine::memory_bytes.)
Complexity node_complexity(const Graph& graph, const Node& node);

/// Sum over all nodes.
Complexity graph_complexity(const Graph& graph);

}  // namespace resnext::net
