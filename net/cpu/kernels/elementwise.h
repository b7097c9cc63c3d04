#pragma once
// Passes over memory that compute little: additions, batch-norm's sums where no convolution takes
// them, pooling. Nothing here may have code (see operand.h).

#include <cstdint>

#include "net/cpu/kernels/correlation.h"

namespace resnext::net::cpu {

/// out = [ReLU] (first [+ second]) over whole pixels.
struct Join {
  Operand first;
  Operand second;  ///< without values: none
  bool relu = false;
  void* out = nullptr;  ///< of the first operand's precision; may be an operand's values
  int channels = 0;
};

/// Pixels, counted through all images.
struct PixelRange {
  int first = 0;
  int end = 0;
};

/// Max pooling: `choices` holds for each output the row-major position in its window of the value
/// that it took (of equal ones the first).
struct MaxPool {
  int in_height = 0, in_width = 0;
  int height = 0, width = 0;
  int channels = 0;
  int kernel = 1, stride = 1, padding = 0;
};

}  // namespace resnext::net::cpu
