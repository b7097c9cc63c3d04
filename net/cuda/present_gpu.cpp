#include "net/cuda/present_gpu.h"

#include <stdexcept>

#include <cuda_runtime_api.h>

#include "net/cuda/cuda_error.h"
#include "net/cuda/cudnn_descriptor.h"
#include "net/cuda/cudnn_handle.h"
#include "net/cuda/probe.h"

namespace resnext::net::cuda {
namespace {

constexpr int kDevice = 0;
constexpr double kKilohertz = 1e3;

int attribute(cudaDeviceAttr name) {
  int value = 0;
  check_cuda(cudaDeviceGetAttribute(&value, name, kDevice), "reading a GPU's properties");
  return value;
}

std::string cudnn_properties() {
  const CudnnHandle handle;
  Descriptor device(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  device.set_handle(CUDNN_ATTR_DEVICEPROP_HANDLE, handle.get());
  device.finalize("the GPU's properties");
  return device.text(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION);
}

}  // namespace

PresentGpu present_gpu() {
  const GpuProbe probe = probe_gpus();
  if (probe.gpus.empty()) throw std::runtime_error("no GPU is at hand: " + probe.why_none);
  check_cuda(cudaSetDevice(kDevice), "choosing a GPU");
  PresentGpu gpu;
  gpu.name = probe.gpus.front().name;
  gpu.cudnn_json = cudnn_properties();
  gpu.versions = probe.versions;
  gpu.compute_capability = probe.gpus.front().compute_capability;
  gpu.multiprocessors = attribute(cudaDevAttrMultiProcessorCount);
  gpu.clock = attribute(cudaDevAttrClockRate) * kKilohertz;
  gpu.memory_clock = attribute(cudaDevAttrMemoryClockRate) * kKilohertz;
  gpu.memory_bus_bits = attribute(cudaDevAttrGlobalMemoryBusWidth);
  gpu.memory_bytes = static_cast<double>(probe.gpus.front().memory_bytes);
  gpu.gpus = static_cast<int>(probe.gpus.size());
  return gpu;
}

}  // namespace resnext::net::cuda
