#pragma once
// Batch-norm, residual addition and ReLU as one layer: whatever follows a convolution in a
// ResNe(X)t block is computed in the fewest passes over memory.

#include <memory>
#include <vector>

#include "net/cpu/layer.h"

namespace resnext::net::cpu {

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

std::unique_ptr<Layer> make_norm_residual(Builder& builder, const NormResidualPattern& pattern);

}  // namespace resnext::net::cpu
