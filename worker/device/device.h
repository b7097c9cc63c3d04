#pragma once
// What one rank computes with.

#include <string>

#include "net/cuda_plugin.h"

namespace resnext::worker {

struct Device {
  const net::CudaPlugin* plugin = nullptr;  ///< the engine's maker for a GPU; null on the CPU
  int gpu = 0;                              ///< index into the plugin's GPUs
  std::string name;                         ///< of the processor, or of the GPU
  std::string engine;  ///< what else results depend on: the versions of libraries and kernels

  bool is_gpu() const { return plugin != nullptr; }
};

/// This machine's CPU.
Device cpu_device();

}  // namespace resnext::worker
