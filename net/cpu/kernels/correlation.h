#pragma once
// A convolution's forward pass, and its backward pass to the inputs, are the same sum: each output
// of a grid is the product of a window of inputs with a kernel. This is that sum as data; how it
// is computed is in correlation_source.h. Nothing here may have code (see operand.h).

#include <cstddef>
#include <cstdint>

#include "net/cpu/kernels/operand.h"

namespace resnext::net::cpu {

/// Kernels may be so high.
inline constexpr int kMostKernelRows = 16;

struct CorrelationShape {
  int images = 0;
  int in_height = 0, in_width = 0, in_channels = 0;
  int height = 0, width = 0;  ///< of the grid of outputs
  int out_channels = 0;
  int groups = 1;
  int kernel_height = 1, kernel_width = 1;
  int stride = 1;
  /// Row k of the kernel meets, for output row y, input row y * stride + k - top; columns likewise.
  /// May be negative.
  int top = 0, left = 0;
  /// The output (y, x) is stored at row y * out_step + out_top, column x * out_step + out_left of a
  /// map of out_height x out_width.
  int out_height = 0, out_width = 0;
  int out_step = 1, out_top = 0, out_left = 0;
};

/// How a correlation is cut up. A *unit* is some rows of the outputs of one image; a thread copies
/// the inputs of a unit into a *slab* in its cache, a *chunk* of channels at a time, as fp32 values
/// with zeros where the kernel leaves the image. Rows follow each other so that stepping from one
/// output to the next is the same step everywhere: at the end of a row, a few outputs that do not
/// exist are computed, and dropped. With a stride, rows of one remainder (*parity*) modulo the
/// stride lie together.
struct CorrelationPlan {
  CorrelationShape shape;
  int fill_step = 1;     ///< input rows and columns between those that a slab takes
  int spread = 0;        ///< > 0: a group of vector lanes holds groups of so many channels
  int groups = 1;        ///< groups that share a vector count as one
  int group_inputs = 0;  ///< channels of a group
  int group_outputs = 0;
  int output_vectors = 0;  ///< vectors that hold a group's outputs
  int chunk = 0;           ///< input channels of a group taken at once
  int chunks = 1;
  /// A tile of outputs is computed for all vectors before the next tile, not the other way round.
  bool tiles_first = false;
  int fill_groups = 1;    ///< groups copied at once
  int pixel = 0;          ///< values from one column of a slab to the next
  int slab_width = 0;     ///< columns
  int virtual_width = 0;  ///< outputs from one row to the next
  int block_rows = 0;     ///< output rows of a unit, at most
  std::ptrdiff_t parity_values =
      0;  ///< of a slab's rows of one parity, with room for what is dropped
  std::ptrdiff_t group_values = 0;  ///< of one group's slab
  // Sizes of a thread's workspace, in values.
  std::size_t slab_total = 0;
  std::size_t sums_total = 0;
  std::size_t pixels_total = 0;
};

/// Rows of outputs, counted through all images.
struct RowRange {
  int first = 0;
  int end = 0;
};

/// One thread's scratch memory.
struct CorrelationWorkspace {
  float* slab = nullptr;
  float* sums = nullptr;           ///< of a unit, between chunks
  std::int32_t* pixels = nullptr;  ///< of the unit's outputs: where each is stored, or -1
};

/// Sums by channel that a thread takes of what it stores. fp32 within a unit, double beyond.
struct ChannelSums {
  float* unit[3] = {nullptr, nullptr, nullptr};
  double* total[3] = {nullptr, nullptr, nullptr};
};

enum class OutputKind {
  kPlain,     ///< values
  kMoments,   ///< also sums of (x - pivot) and (x - pivot)^2, for batch-norm
  kGradient,  ///< the gradient of [ReLU of] a batch-norm's output, and its sums
};

struct CorrelationOutput {
  OutputKind kind = OutputKind::kPlain;
  void* values = nullptr;        ///< (pixel, channel)
  const void* addend = nullptr;  ///< added; may be `values`; null: none
  Precision precision = Precision::kFp32;

  /// kMoments: by channel; this thread's first output, written when `pivot_due`.
  float* pivot = nullptr;
  bool pivot_due = false;

  /// kGradient: the gradient counts where `mask` (the stored output) is positive, or, without it
  /// and with `relu`, where inputs[0] * scale + shift is.
  const void* mask = nullptr;
  bool relu = false;
  const float* scale = nullptr;
  const float* shift = nullptr;
  const void* inputs[2] = {nullptr, nullptr};  ///< x of up to two batch-norms
  const float* means[2] = {nullptr, nullptr};

  /// kMoments: (x - pivot), its square. kGradient: g, g * (inputs[0] - means[0]), likewise 1.
  ChannelSums sums;
};

}  // namespace resnext::net::cpu
