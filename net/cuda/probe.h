#pragma once

#include "net/cuda_plugin.h"

namespace resnext::net::cuda {

/// GPUs that this process can compute on, or why there are none. Never throws.
GpuProbe probe_gpus();

}  // namespace resnext::net::cuda
