#pragma once
// Batch-norm, residual addition and ReLU as one layer: whatever follows a convolution in a
// ResNe(X)t block is computed in the fewest passes over memory.

#include <memory>

#include "net/cpu/layer.h"
#include "net/norm_residual_patterns.h"

namespace resnext::net::cpu {

std::unique_ptr<Layer> make_norm_residual(Builder& builder, const NormResidualPattern& pattern);

}  // namespace resnext::net::cpu
