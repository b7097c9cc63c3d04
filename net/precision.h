#pragma once

namespace resnext::net {

/// What activations and working weights are held in, and products computed with. Master weights,
/// momentum, gradient sums, batch-norm statistics and the loss are fp32 in every case.
enum class Precision {
  kFp32,
  kTf32,  ///< fp32 in memory; tensor cores round factors to 10 bits of mantissa. GPUs only
  kBf16,
};

}  // namespace resnext::net
