#include "net/cuda/device_memory.h"

#include <fmt/format.h>
#include <nvtx3/nvToolsExtCudaRt.h>

#include "net/cuda/cuda_error.h"
#include "net/cuda/profiler_range.h"

namespace resnext::net::cuda {

OutOfDeviceMemory::OutOfDeviceMemory(std::size_t bytes, const std::string& reason)
    : std::runtime_error(
          fmt::format("the GPU cannot give {:.2f} GB: {}", double(bytes) * 1e-9, reason)),
      bytes_(bytes) {}

DeviceMemory::DeviceMemory(std::size_t bytes) : bytes_(bytes) {
  if (bytes == 0) return;
  void* memory = nullptr;
  const cudaError_t status = cudaMalloc(&memory, bytes);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();  // the next call is not to blame
    std::size_t left = 0, total = 0;
    cudaMemGetInfo(&left, &total);
    throw OutOfDeviceMemory(bytes, fmt::format("{:.2f} of its {:.2f} GB are free",
                                               double(left) * 1e-9, double(total) * 1e-9));
  }
  check_cuda(status, fmt::format("allocating {} bytes on the GPU", bytes));
  memory_.reset(static_cast<std::byte*>(memory));
}

PinnedMemory::PinnedMemory(std::size_t bytes) : bytes_(bytes) {
  void* memory = nullptr;
  check_cuda(cudaMallocHost(&memory, bytes),
             fmt::format("allocating {} bytes of pinned memory", bytes));
  memory_.reset(static_cast<std::byte*>(memory));
}

Event::Event(const std::string& name) {
  cudaEvent_t event = nullptr;
  check_cuda(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "creating an event");
  event_.reset(event);
  if (!name.empty()) nvtxNameCudaEventA(event, name.c_str());
}

void Event::synchronize() const {
  check_cuda(cudaEventSynchronize(get()), "waiting for an event");
}

bool Event::is_over() const {
  const cudaError_t status = cudaEventQuery(get());
  if (status == cudaErrorNotReady) {
    cudaGetLastError();  // or the next launch would be blamed for it
    return false;
  }
  check_cuda(status, "asking for an event");
  return true;
}

Stream::Stream(const std::string& name, Priority priority) {
  int lowest = 0, highest = 0;
  check_cuda(cudaDeviceGetStreamPriorityRange(&lowest, &highest), "reading stream priorities");
  cudaStream_t stream = nullptr;
  check_cuda(cudaStreamCreateWithPriority(&stream, cudaStreamNonBlocking,
                                          priority == Priority::kHigh ? highest : lowest),
             "creating a stream");
  stream_.reset(stream);
  nvtxNameCudaStreamA(stream, name.c_str());
}

void Stream::record(const Event& event) const {
  check_cuda(cudaEventRecord(event.get(), get()), "recording an event");
}

void Stream::wait(const Event& event) const {
  check_cuda(cudaStreamWaitEvent(get(), event.get(), 0), "waiting for an event on a stream");
}

void Stream::copy(void* to, const void* from, std::size_t bytes) const {
  if (bytes == 0) return;
  check_cuda(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, get()), "copying");
}

void Stream::clear(void* memory, std::size_t bytes) const {
  if (bytes == 0) return;
  check_cuda(cudaMemsetAsync(memory, 0, bytes, get()), "clearing memory");
}

void Stream::synchronize(const std::string& reason) const {
  const ProfilerRange range(reason);
  check_cuda(cudaStreamSynchronize(get()), "waiting for the GPU: " + reason);
}

}  // namespace resnext::net::cuda
