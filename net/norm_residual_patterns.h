#pragma once
// What of a graph can be computed as one: batch-norm, residual addition and ReLU in a single pass.

#include <vector>

#include "net/graph.h"

namespace resnext::net {

/// One summand: a batch-norm node and its input, or a value taken as it is (batch_norm = -1).
struct ResidualBranch {
  int batch_norm = -1;
  int source = -1;
};

/// y = [ReLU] (branch + [branch]); `output` is the graph node that y is the value of.
struct NormResidualPattern {
  int output = -1;
  std::vector<ResidualBranch> branches;  ///< one or two
  bool relu = false;
};

/// The patterns of a graph: element i is set where node i ends one; the nodes inside a pattern
/// (`absorbed`) get no layer of their own.
struct NormResidualPatterns {
  std::vector<NormResidualPattern> at;  ///< by node; empty branches: none ends here
  std::vector<bool> absorbed;           ///< by node
};
NormResidualPatterns find_norm_residual_patterns(const Graph& graph);

}  // namespace resnext::net
