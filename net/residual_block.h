#pragma once
// One residual block, in each of its forms (paper Figures 3 and 4; He et al. 2016 for those with
// pre-activation).

#include <string>

#include "net/graph_builder.h"

namespace resnext::net {

/// Where a block stands in its network.
struct BlockPosition {
  int stage = 0;  ///< 0-based
  int block = 0;  ///< 0-based in its stage
};

/// Appends the block at `position` to the node `input` and returns its output node. Nodes are
/// called layerS.B.NAME as in torchvision (S counts from 1), those of a path layerS.B.paths.P.NAME.
int append_residual_block(GraphBuilder& builder, BlockPosition position, int input);

}  // namespace resnext::net
