#include "tests/net/cuda/load_plugin.h"

#include <stdexcept>

#include <dlfcn.h>

namespace resnext::net {

const CudaPlugin& load_cuda_plugin() {
  void* const library = dlopen(RESNEXT_CUDA_PLUGIN, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (library == nullptr) throw std::runtime_error(dlerror());
  const auto entry = reinterpret_cast<CudaPluginEntry>(dlsym(library, kCudaPluginEntry));
  if (entry == nullptr) throw std::runtime_error(dlerror());
  return *entry();
}

}  // namespace resnext::net
