#pragma once
// The L2 norm of a gradient that lies on many ranks, to the same bits on any number of them:
// squares are summed over fixed blocks of the arena, each by one rank, and the blocks in their
// order.

#include <cstddef>
#include <span>

namespace resnext::worker {

/// Values of a block. Where gradients are clipped, no two ranks share one.
inline constexpr std::size_t kNormBlock = 1024;

/// Sum of squares in double, in an order that depends on the number of values alone.
double sum_of_squares(std::span<const float> values);

/// For `values` that begin at a block's start: the sums of their blocks into the front of `blocks`.
void sum_blocks_of_squares(std::span<const float> values, std::span<double> blocks);

/// Square root of the blocks' sum.
double norm_of_blocks(std::span<const double> blocks);

/// What a gradient of this norm is multiplied by, as torch.nn.utils.clip_grad_norm_ does it:
/// limit / (norm + 1e-6), at most 1. Not a number for such a norm.
float clipping_factor(double norm, double limit);

/// values *= factor.
void scale(std::span<float> values, float factor);

}  // namespace resnext::worker
