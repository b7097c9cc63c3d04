#pragma once
// A convolution's weights in the order in which a correlation multiplies by them.

#include <cstddef>
#include <span>

#include "net/cpu/kernels/correlation.h"

namespace resnext::net::cpu {

/// Which of the canonical weights (O, I/groups, k, k) a correlation takes, and in what order:
/// [group][chunk of inputs][panel of outputs][kernel row][kernel column][input][output lane].
struct WeightPacking {
  CorrelationPlan plan;
  int lanes = 0;
  int kernel = 1;           ///< of the canonical weights
  bool transposed = false;  ///< the correlation's inputs are the convolution's outputs
  /// Row (column) t of the correlation's kernel is row first + t * step of the convolution's.
  int first_row = 0, first_column = 0, step = 1;
  bool rounded = false;  ///< to bf16

  std::size_t count() const;
  /// Packs the share of thread `thread` of `threads`.
  void pack(std::span<const float> canonical, float* packed, int thread = 0, int threads = 1) const;

  /// Whether both give the same values in the same order.
  bool same_as(const WeightPacking& other) const;
};

/// From gradients as KernelSet::kernel_gradient leaves them (forward packing, without panels), one
/// for each of `threads`, `packed_count` values apart, to their sum in canonical order.
void unpack_gradient(const WeightPacking& packing, std::span<const float> packed, int threads,
                     int worker_threads, std::span<float> canonical);

}  // namespace resnext::net::cpu
