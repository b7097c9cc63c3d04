#pragma once
// The gradient of a convolution's weights. Nothing here may have code (see operand.h).

#include <cstddef>

#include "net/cpu/kernels/correlation.h"

namespace resnext::net::cpu {

/// Outputs whose gradients are multiplied in one go.
inline constexpr int kGradientRun = 128;

/// One thread's scratch memory.
struct KernelGradientWorkspace {
  float* slab = nullptr;       ///< as the correlation's
  float* gradients = nullptr;  ///< of a unit's outputs: [group][output, dropped ones too][lane]
};

/// 1x1 convolutions: pixels in one go.
inline constexpr int kPixelRun = 256;
inline constexpr int kOutputRun = 96;

/// The gradient of 1x1 weights, [outputs][inputs]: a product of two matrices over the pixels.
struct MatrixGradient {
  int outputs = 0;                  ///< channels of the output's gradient
  int inputs = 0;                   ///< channels of the input
  int height = 0, width = 0;        ///< of the output
  int in_height = 0, in_width = 0;  ///< of the input
  int step = 1;                     ///< input rows and columns from one output to the next
};

struct MatrixGradientWorkspace {
  float* outputs = nullptr;  ///< kPixelRun * (kOutputRun + a tile)
  float* inputs = nullptr;   ///< kPixelRun * (inputs + a tile)
};

/// What of a matrix gradient a thread computes.
struct MatrixGradientPart {
  int first_pixel = 0, pixel_end = 0;  ///< counted through all images
  int first_output = 0, output_end = 0;
};

}  // namespace resnext::net::cpu
