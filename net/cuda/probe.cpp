#include "net/cuda/probe.h"

#include <array>

#include <cuda_runtime_api.h>
#include <cudnn.h>
#include <fmt/format.h>
#include <nccl.h>

namespace resnext::net::cuda {
namespace {

std::string cuda_version(int version) {
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

std::string library_versions(int runtime, int driver) {
  int nccl = 0;
  ncclGetVersion(&nccl);
  const std::size_t cudnn = cudnnGetVersion();
  return fmt::format("CUDA {}, driver {}, cuDNN {}.{}.{}, NCCL {}.{}.{}", cuda_version(runtime),
                     driver == 0 ? "none" : cuda_version(driver), cudnn / 10000,
                     cudnn % 10000 / 100, cudnn % 100, nccl / 10000, nccl % 10000 / 100,
                     nccl % 100);
}

std::string why_no_device(cudaError_t status, int runtime, int driver) {
  if (driver == 0) return "no NVIDIA driver is loaded";
  if (status == cudaErrorInsufficientDriver) {
    return fmt::format("the NVIDIA driver is for CUDA {}, older than CUDA {} of this build",
                       cuda_version(driver), cuda_version(runtime));
  }
  if (status == cudaErrorNoDevice || status == cudaSuccess) {
    return "the driver shows no GPU to this process (CUDA_VISIBLE_DEVICES?)";
  }
  return fmt::format("CUDA: {} ({})", cudaGetErrorString(status), cudaGetErrorName(status));
}

Gpu describe(int device) {
  cudaDeviceProp properties{};
  std::array<char, 32> bus_id{};
  cudaGetDeviceProperties(&properties, device);
  cudaDeviceGetPCIBusId(bus_id.data(), static_cast<int>(bus_id.size()), device);
  return {properties.name, properties.major * 10 + properties.minor, properties.totalGlobalMem,
          bus_id.data()};
}

}  // namespace

GpuProbe probe_gpus() {
  GpuProbe probe;
  int runtime = 0, driver = 0, count = 0;
  cudaRuntimeGetVersion(&runtime);
  cudaDriverGetVersion(&driver);
  probe.versions = library_versions(runtime, driver);
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess || count == 0) {
    cudaGetLastError();
    probe.why_none = why_no_device(status, runtime, driver);
    return probe;
  }
  for (int device = 0; device < count; ++device) probe.gpus.push_back(describe(device));
  return probe;
}

}  // namespace resnext::net::cuda
