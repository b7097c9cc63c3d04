#pragma once
// What an instruction set's kernels are called by. All are for one thread. Nothing here may have
// code (see operand.h).

#include "net/cpu/kernels/correlation.h"
#include "net/cpu/kernels/elementwise.h"
#include "net/cpu/kernels/kernel_gradient.h"

namespace resnext::net::cpu {

struct KernelSet {
  const char* name = nullptr;  ///< "avx512", "avx2" or "portable"
  int lanes = 0;               ///< fp32 values of a vector
  int tile_pixels[4];          ///< by vectors of a tile's outputs (1 to 3)

  /// The outputs of some rows. `weights` as PackedWeights leaves them.
  void (*correlate)(const CorrelationPlan& plan, const RowRange& range, const Operand& operand,
                    const float* weights, CorrelationOutput& out, const CorrelationWorkspace& work);

  /// Adds to `weights` (of the correlation's size, laid out as
  /// [group][chunk][kernel row][column and input][output lane]) the gradient from some rows of
  /// outputs. `plan` is the forward pass's.
  void (*kernel_gradient)(const CorrelationPlan& plan, const RowRange& range, const Operand& inputs,
                          const Operand& gradients, const KernelGradientWorkspace& work,
                          float* weights);

  /// Sets a part of the gradient, [outputs][inputs], from some pixels.
  void (*matrix_gradient)(const MatrixGradient& shape, const MatrixGradientPart& part,
                          const Operand& inputs, const Operand& gradients,
                          const MatrixGradientWorkspace& work, float* out);

  void (*join)(const Join& join, const PixelRange& range);

  /// Sets the pivot to the first pixel; adds sums of (x - pivot) and its square to sums.total[0]
  /// and [1].
  void (*moments)(const void* values, Precision precision, int channels, const PixelRange& range,
                  float* pivot, const ChannelSums& sums);

  /// What a correlation's output of kind kGradient does, to a gradient that is in memory (and may
  /// be out.values); also without a batch-norm, when only mask and addend apply.
  void (*reduce_gradient)(const CorrelationOutput& out, const void* gradient, int channels,
                          const PixelRange& range);

  /// Some rows of outputs; `choices` may be null.
  void (*max_pool)(const MaxPool& pool, const Operand& in, const RowRange& rows, void* out,
                   std::uint8_t* choices);

  /// Some rows of inputs' gradients.
  void (*max_pool_gradient)(const MaxPool& pool, const void* gradient, Precision precision,
                            const std::uint8_t* choices, const RowRange& rows, void* out);

  /// Multiplies and adds at full speed; returns the operations done. `result`: slope, offset, and
  /// room for a result, so that no compiler leaves the work out.
  double (*multiply_adds)(long rounds, float* result);
};

}  // namespace resnext::net::cpu
