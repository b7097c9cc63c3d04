#pragma once
// What CUDA and cuDNN say of the GPU at hand.

#include "net/devices/present_device.h"

namespace resnext::net::cuda {

/// Of the first GPU that the process sees. Throws std::runtime_error where there is none.
PresentGpu present_gpu();

}  // namespace resnext::net::cuda
