#pragma once
// Shapes of a graph's nodes from that of its input.

#include "net/graph.h"

namespace resnext::net {

/// The output shape of `node`, whose inputs are nodes of `graph`. Where the op chooses its number
/// of channels (convolution, linear, zero padding), node.output.channels has it. Throws
/// std::invalid_argument where a window finds no room.
Shape inferred_shape(const Graph& graph, const Node& node);

/// The same network, with the same parameters, for images of another height and width (testing at
/// several scales). Throws std::invalid_argument when the image is too small for the strides, or a
/// layer's parameters depend on the size.
Graph with_input_size(Graph graph, int height, int width);

}  // namespace resnext::net
