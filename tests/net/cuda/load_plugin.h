#pragma once

#include "net/cuda_plugin.h"

namespace resnext::net {

/// The plugin as programs load it, from where the build put it. Throws std::runtime_error.
const CudaPlugin& load_cuda_plugin();

}  // namespace resnext::net
