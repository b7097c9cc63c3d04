#pragma once
// The memory-bound inner loops: batch-norm, ReLU and residual addition over one channel block of
// one image ([pixel][channel], see ChannelLayout), each in as few passes over memory as it allows.
// The same source is compiled for several instruction sets; the best one is chosen at run time.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace resnext::net::cpu {

/// One operand of a normalise-and-add: value * scale + shift, channel by channel. A null scale
/// means the operand is taken as it is.
struct AffineOperand {
  const float* values = nullptr;  ///< pixels * block
  const float* scale = nullptr;   ///< block
  const float* shift = nullptr;   ///< block
};

/// Arguments of VectorKernels::reduce_gradient.
struct GradientReduction {
  const float* gradient = nullptr;         ///< of the output, pixels * block
  const float* second_gradient = nullptr;  ///< added to it; may be null
  const float* output = nullptr;           ///< after ReLU; gradient counts where > 0; null: no ReLU
  const float* inputs[2] = {nullptr, nullptr};  ///< batch-norm inputs x of up to two branches
  const float* means[2] = {nullptr, nullptr};   ///< their channel means
  float* masked = nullptr;                      ///< receives the masked sum; may be `gradient`
  float* sum = nullptr;                         ///< block: sum of masked gradients
  float* products[2] = {nullptr, nullptr};      ///< block: sum of masked * (x - mean)
};

struct VectorKernels {
  std::string_view name;  ///< "avx512", "avx2" or "portable"

  /// sum[c] = sum of (x - pivot[c]), squares[c] = sum of (x - pivot[c])^2 over the pixels.
  void (*moments)(const float* x, const float* pivot, std::size_t pixels, int block, float* sum,
                  float* squares);

  /// y = first (+ second), ReLU applied when `relu`. `second.values` may be null.
  void (*normalise)(const AffineOperand& first, const AffineOperand& second, bool relu,
                    std::size_t pixels, int block, float* y);

  /// The reductions of batch-norm's backward pass, through ReLU and addition, in one pass.
  void (*reduce_gradient)(const GradientReduction& arguments, std::size_t pixels, int block);

  /// dx = a * g + b * x + c, channel by channel; dx may be x or g.
  void (*input_gradient)(const float* g, const float* x, const float* a, const float* b,
                         const float* c, std::size_t pixels, int block, float* dx);

  /// total += addend over `count` values.
  void (*accumulate)(float* total, const float* addend, std::size_t count);
};

/// The kernels for this machine, or those named by the environment variable RESNEXT_ISA (for tests
/// and comparisons). Throws std::runtime_error when that names a set this machine lacks.
const VectorKernels& vector_kernels();

/// The kernels of one instruction set: "avx512", "avx2" or "portable".
const VectorKernels& vector_kernels(std::string_view name);

/// The instruction sets this machine can run, best first.
std::vector<std::string> available_vector_kernels();

}  // namespace resnext::net::cpu
