#pragma once
// Cuts correlations up for a machine's vectors and caches.

#include <cstddef>

#include "net/cpu/kernels/kernel_table.h"
#include "net/graph.h"

namespace resnext::net::cpu {

/// The plan of `shape`. Throws std::logic_error for a kernel larger than kMostKernelRows.
CorrelationPlan plan_correlation(const CorrelationShape& shape, const KernelSet& kernels);

/// The forward pass of a convolution of `images` inputs.
CorrelationShape forward_shape(const Node& convolution, const Shape& input, int images);

/// Part of the backward pass to the inputs. With a stride s, input rows of one remainder modulo s
/// meet only kernel rows of one remainder: each pair of remainders (`row`, `column`) is a
/// correlation of its own. A part whose inputs nothing reads has kernel_height or kernel_width 0.
CorrelationShape backward_shape(const Node& convolution, const Shape& input, int images, int row,
                                int column);

/// Largest number of outputs of a unit, those dropped among them.
int most_outputs(const CorrelationPlan& plan);

}  // namespace resnext::net::cpu
