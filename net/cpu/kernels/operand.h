#pragma once
// How kernels read activations and their gradients: through the batch-norm that is still due on
// them. Nothing here may have code, as it is compiled for several instruction sets.

#include "net/precision.h"

namespace resnext::net::cpu {

/// Values (pixel, channel) in channels-last order, read as
///   [ReLU] (values * scale + second * second_scale + shift),
/// channel by channel; without `scale` as they are, without `second` without that summand. The
/// first two forms are a normalised activation, the third the gradient through a batch-norm
/// (Ioffe & Szegedy 2015, section 3). Arrays by channel have room for a vector after their end.
struct Operand {
  const void* values = nullptr;
  const float* scale = nullptr;
  const float* shift = nullptr;
  const void* second = nullptr;
  const float* second_scale = nullptr;
  bool relu = false;
  Precision precision = Precision::kFp32;  ///< of `values` and `second`
};

}  // namespace resnext::net::cpu
