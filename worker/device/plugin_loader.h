#pragma once
// Finds and opens the CUDA plugin, so that one program serves machines with GPUs and without.

#include <string>
#include <vector>

#include "net/cuda_plugin.h"

namespace resnext::worker {

struct PluginSearch {
  const net::CudaPlugin* plugin = nullptr;  ///< lives as long as the process
  std::string why_none;                     ///< where there is none, in words for the user
  bool found_file = false;                  ///< a plugin that cannot be used is not an absent one
};

/// Opens net::kCudaPluginFile in the first of `folders` that has it, or else wherever the dynamic
/// linker looks. Only a plugin of the same `build` will do. Never throws: a library that is
/// missing, broken or another's is `why_none`.
PluginSearch load_cuda_plugin(const std::vector<std::string>& folders, const std::string& build);

/// This program's own: from its folder, or the library folder of the same installation.
PluginSearch load_cuda_plugin();

}  // namespace resnext::worker
