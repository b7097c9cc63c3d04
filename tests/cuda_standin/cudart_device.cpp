// The CUDA runtime's functions about devices and versions.

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>

#include "tests/cuda_standin/configuration.h"
#include "tests/cuda_standin/cudart_status.h"
#include "tests/cuda_standin/device_memory.h"
#include "tests/cuda_standin/standin.h"
#include "tests/cuda_standin/stream_scheduler.h"

namespace resnext::standin {
namespace {

thread_local int chosen_device = 0;

constexpr int kMultiprocessors = 132;
constexpr int kThreadsPerMultiprocessor = 2048;
constexpr int kSharedMemoryPerBlock = 49152;
constexpr int kSharedMemoryOptIn = 232448;
constexpr int kL2Bytes = 50 << 20;

int device_count() {
  return static_cast<int>(configuration().devices.size());
}

cudaError_t check_device(int device) {
  const cudaError_t status = device_status();
  if (status != cudaSuccess) return status;
  return device >= 0 && device < device_count() ? cudaSuccess : cudaErrorInvalidDevice;
}

/// Physical GPUs have buses of their own, whatever CUDA_VISIBLE_DEVICES hides.
int bus_of(int device) {
  return 0x10 + configuration().devices.at(std::size_t(device));
}

std::string pci_bus_id(int device) {
  char text[16];
  std::snprintf(text, sizeof text, "0000:%02X:00.0", static_cast<unsigned>(bus_of(device)) & 0xFF);
  return text;
}

int attribute(cudaDeviceAttr name, int device) {
  switch (name) {
    case cudaDevAttrComputeCapabilityMajor:
      return configuration().compute_capability / 10;
    case cudaDevAttrComputeCapabilityMinor:
      return configuration().compute_capability % 10;
    case cudaDevAttrMultiProcessorCount:
      return kMultiprocessors;
    case cudaDevAttrWarpSize:
      return 32;
    case cudaDevAttrMaxThreadsPerBlock:
    case cudaDevAttrMaxBlockDimX:
    case cudaDevAttrMaxBlockDimY:
      return 1024;
    case cudaDevAttrMaxBlockDimZ:
      return 64;
    case cudaDevAttrMaxGridDimX:
      return 2147483647;
    case cudaDevAttrMaxGridDimY:
    case cudaDevAttrMaxGridDimZ:
      return 65535;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
      return kThreadsPerMultiprocessor;
    case cudaDevAttrMaxBlocksPerMultiprocessor:
      return 32;
    case cudaDevAttrMaxSharedMemoryPerBlock:
      return kSharedMemoryPerBlock;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      return kSharedMemoryOptIn;
    case cudaDevAttrReservedSharedMemoryPerBlock:
      return 1024;
    case cudaDevAttrMaxRegistersPerBlock:
    case cudaDevAttrMaxRegistersPerMultiprocessor:
      return 65536;
    case cudaDevAttrClockRate:
      return 1980000;
    case cudaDevAttrMemoryClockRate:
      return 2619000;
    case cudaDevAttrGlobalMemoryBusWidth:
      return 5120;
    case cudaDevAttrL2CacheSize:
      return kL2Bytes;
    case cudaDevAttrPciBusId:
      return bus_of(device);
    case cudaDevAttrCooperativeLaunch:
    case cudaDevAttrUnifiedAddressing:
    case cudaDevAttrMemoryPoolsSupported:
      return 1;
    default:
      return 0;
  }
}

void describe(cudaDeviceProp& properties, int device) {
  properties = {};
  std::snprintf(properties.name, sizeof properties.name, "%s", configuration().device_name.c_str());
  properties.major = configuration().compute_capability / 10;
  properties.minor = configuration().compute_capability % 10;
  properties.totalGlobalMem = configuration().memory_bytes;
  properties.multiProcessorCount = kMultiprocessors;
  properties.warpSize = 32;
  properties.maxThreadsPerBlock = 1024;
  properties.maxThreadsPerMultiProcessor = kThreadsPerMultiprocessor;
  properties.maxBlocksPerMultiProcessor = 32;
  properties.regsPerBlock = properties.regsPerMultiprocessor = 65536;
  properties.sharedMemPerBlock = kSharedMemoryPerBlock;
  properties.sharedMemPerBlockOptin = kSharedMemoryOptIn;
  properties.sharedMemPerMultiprocessor = kSharedMemoryOptIn + 1024;
  properties.reservedSharedMemPerBlock = 1024;
  properties.l2CacheSize = kL2Bytes;
  properties.memoryBusWidth = 5120;
  properties.pciBusID = bus_of(device);
  properties.cooperativeLaunch = properties.unifiedAddressing = properties.ECCEnabled = 1;
  const int block[] = {1024, 1024, 64}, grid[] = {2147483647, 65535, 65535};
  std::copy_n(block, 3, properties.maxThreadsDim);
  std::copy_n(grid, 3, properties.maxGridSize);
}

}  // namespace

cudaError_t device_status() {
  if (configuration().driver_version < CUDART_VERSION / 1000 * 1000) {
    return cudaErrorInsufficientDriver;
  }
  return device_count() == 0 ? cudaErrorNoDevice : cudaSuccess;
}

int current_device() {
  return chosen_device;
}

std::string current_pci_bus_id() {
  return pci_bus_id(chosen_device);
}

}  // namespace resnext::standin

using namespace resnext::standin;

extern "C" {

cudaError_t cudaGetDeviceCount(int* count) {
  *count = device_status() == cudaSuccess ? device_count() : 0;
  return remember(device_status());
}

cudaError_t cudaSetDevice(int device) {
  const cudaError_t status = check_device(device);
  if (status == cudaSuccess) chosen_device = device;
  return remember(status);
}

cudaError_t cudaGetDevice(int* device) {
  *device = chosen_device;
  return remember(device_status());
}

cudaError_t cudaInitDevice(int device, unsigned, unsigned) {
  return remember(check_device(device));
}

cudaError_t cudaDriverGetVersion(int* version) {
  *version = configuration().driver_version;
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  const cudaError_t status = check_device(device);
  if (status == cudaSuccess) describe(*properties, device);
  return remember(status);
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr name, int device) {
  const cudaError_t status = check_device(device);
  if (status == cudaSuccess) *value = attribute(name, device);
  return remember(status);
}

cudaError_t cudaDeviceGetPCIBusId(char* text, int length, int device) {
  const cudaError_t status = check_device(device);
  if (status == cudaSuccess) {
    std::snprintf(text, static_cast<std::size_t>(length), "%s", pci_bus_id(device).c_str());
  }
  return remember(status);
}

cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  *least = 0;
  *greatest = -5;
  return remember(device_status());
}

cudaError_t cudaMemGetInfo(std::size_t* available, std::size_t* total) {
  const cudaError_t status = device_status();
  if (status == cudaSuccess) {
    *total = configuration().memory_bytes;
    *available = *total - device_memory().used(chosen_device);
  }
  return remember(status);
}

cudaError_t cudaDeviceSynchronize() {
  if (device_status() != cudaSuccess) return remember(device_status());
  const std::lock_guard lock(scheduler().mutex());
  const cudaError_t status = scheduler().forbid_during_capture();
  if (status == cudaSuccess) scheduler().synchronize_all();
  return remember(status);
}

cudaError_t cudaSetDeviceFlags(unsigned) {
  return remember(device_status());
}

cudaError_t cudaDeviceReset() {
  const std::lock_guard lock(scheduler().mutex());
  scheduler().synchronize_all();
  return cudaSuccess;
}
}
