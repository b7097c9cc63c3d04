#pragma once
// The same weights in the other forms of a block (paper Figure 3): path p's weights are a slice of
// the grouped form's. Exact: values are moved, not computed.

#include <span>
#include <vector>

#include "net/graph.h"

namespace resnext::net {

/// The network of `graph` with its blocks in `form`.
Graph with_block_form(const Graph& graph, BlockForm form);

/// Values of `from`'s parameters (or momentum, gradients, averages) as those of `to`: one network,
/// each in any form. Throws std::invalid_argument where a size is wrong or the networks differ.
std::vector<float> converted_parameters(const Graph& from, std::span<const float> values,
                                        const Graph& to);

/// The same of running statistics.
std::vector<float> converted_statistics(const Graph& from, std::span<const float> values,
                                        const Graph& to);

}  // namespace resnext::net
