// How code compiled by nvcc registers and launches its kernels (crt/host_runtime.h of CUDA 13).

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <vector_types.h>

#include "tests/cuda_standin/cudart_status.h"
#include "tests/cuda_standin/standin.h"

namespace resnext::standin {
namespace {

struct CallConfiguration {
  dim3 grid, block;
  std::size_t shared_bytes = 0;
  cudaStream_t stream = nullptr;
};
thread_local std::vector<CallConfiguration> call_configurations;

/// Kernels of the program by the address of their launch stub, and of the host by name.
struct KernelTable {
  std::mutex mutex;
  std::map<const void*, std::string> names;
  std::map<std::string, Binder> binders;
};

KernelTable& kernel_table() {
  static auto* const instance = new KernelTable;  // libraries unregister at any time
  return *instance;
}

bool valid(dim3 grid, dim3 block) {
  const std::size_t threads = std::size_t{block.x} * block.y * block.z;
  return threads > 0 && threads <= 1024 && block.z <= 64 && grid.x > 0 && grid.y > 0 &&
         grid.z > 0 && grid.y <= 65535 && grid.z <= 65535;
}

cudaError_t launch(const std::string& name, dim3 grid, dim3 block, void** arguments,
                   std::size_t shared_bytes, cudaStream_t stream) {
  if (device_status() != cudaSuccess) return device_status();
  if (!valid(grid, block)) return cudaErrorInvalidConfiguration;
  KernelTable& table = kernel_table();
  const std::lock_guard lock(table.mutex);
  const auto found = table.binders.find(name);
  if (found == table.binders.end()) {
    std::fprintf(stderr, "[standin] no host kernel is registered as %s\n", name.c_str());
    return cudaErrorInvalidDeviceFunction;
  }
  return enqueue(stream, name, [run = found->second(arguments), grid, block, shared_bytes] {
    run(grid, block, shared_bytes);
  });
}

}  // namespace

void register_kernel(const std::string& mangled, Binder binder) {
  const std::lock_guard lock(kernel_table().mutex);
  kernel_table().binders[mangled] = std::move(binder);
}

}  // namespace resnext::standin

using namespace resnext::standin;

extern "C" {

char __cudaInitModule(void**) {
  return 1;
}

void** __cudaRegisterFatBinary(void*) {
  static void* handle = nullptr;
  return &handle;
}

void __cudaRegisterFatBinaryEnd(void**) {}
void __cudaUnregisterFatBinary(void**) {}

void __cudaRegisterFunction(void**, const char* stub, char*, const char* name, int, uint3*, uint3*,
                            dim3*, dim3*, int*) {
  const std::lock_guard lock(kernel_table().mutex);
  kernel_table().names[stub] = name;
}

// Constants of a module: a kernel on the host has its own, initialised alike.
void __cudaRegisterVar(void**, char*, char*, const char*, int, std::size_t, int, int) {}

unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, std::size_t shared_bytes,
                                     cudaStream_t stream) {
  call_configurations.push_back({grid, block, shared_bytes, stream});
  return 0;
}

cudaError_t __cudaPopCallConfiguration(dim3* grid, dim3* block, std::size_t* shared_bytes,
                                       void* stream) {
  const CallConfiguration last = call_configurations.back();
  call_configurations.pop_back();
  *grid = last.grid;
  *block = last.block;
  *shared_bytes = last.shared_bytes;
  *static_cast<cudaStream_t*>(stream) = last.stream;
  return cudaSuccess;
}

// A kernel's handle is the address of its name in the table.
cudaError_t __cudaGetKernel(cudaKernel_t* kernel, const void* stub) {
  const std::lock_guard lock(kernel_table().mutex);
  const auto found = kernel_table().names.find(stub);
  if (found == kernel_table().names.end()) return remember(cudaErrorInvalidDeviceFunction);
  *kernel = reinterpret_cast<cudaKernel_t>(&found->second);
  return cudaSuccess;
}

cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void** arguments,
                               std::size_t shared_bytes, cudaStream_t stream) {
  const auto& name = *reinterpret_cast<const std::string*>(kernel);
  return remember(launch(name, grid, block, arguments, shared_bytes, stream));
}

cudaError_t cudaLaunchKernel(const void* stub, dim3 grid, dim3 block, void** arguments,
                             std::size_t shared_bytes, cudaStream_t stream) {
  cudaKernel_t kernel = nullptr;
  const cudaError_t status = __cudaGetKernel(&kernel, stub);
  if (status != cudaSuccess) return status;
  return __cudaLaunchKernel(kernel, grid, block, arguments, shared_bytes, stream);
}

cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t* call, const void* stub,
                                void** arguments) {
  return cudaLaunchKernel(stub, call->gridDim, call->blockDim, arguments, call->dynamicSmemBytes,
                          call->stream);
}

cudaError_t cudaFuncSetAttribute(const void*, cudaFuncAttribute, int) {
  return cudaSuccess;
}

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void*) {
  *attributes = {};
  attributes->maxThreadsPerBlock = 1024;
  attributes->numRegs = 32;
  return cudaSuccess;
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, const void*,
                                                                   int block_size, std::size_t,
                                                                   unsigned) {
  *blocks = std::max(1, 2048 / std::max(block_size, 1));
  return cudaSuccess;
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void* stub,
                                                          int block_size,
                                                          std::size_t shared_bytes) {
  return cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(blocks, stub, block_size,
                                                                shared_bytes, 0);
}
}
