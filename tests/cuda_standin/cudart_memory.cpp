// The CUDA runtime's functions about memory.

#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

#include "tests/cuda_standin/configuration.h"
#include "tests/cuda_standin/cudart_status.h"
#include "tests/cuda_standin/device_memory.h"
#include "tests/cuda_standin/standin.h"
#include "tests/cuda_standin/stream_scheduler.h"

namespace resnext::standin {
namespace {

/// Rows of `width` bytes, `pitch` bytes apart.
struct Rows {
  std::size_t pitch = 0, width = 0, height = 0;
  std::size_t extent() const { return height == 0 ? 0 : pitch * (height - 1) + width; }
};

void copy_rows(char* to, std::size_t to_pitch, const char* from, const Rows& rows) {
  for (std::size_t i = 0; i < rows.height; ++i) {
    std::memcpy(to + i * to_pitch, from + i * rows.pitch, rows.width);
  }
}

struct Copy {
  void* to = nullptr;
  Rows to_rows;
  const void* from = nullptr;
  Rows from_rows;
  cudaMemcpyKind kind = cudaMemcpyDefault;
};

cudaError_t outside(const void* start, std::size_t bytes) {
  std::fprintf(stderr, "[standin] %zu bytes at %p are not in one allocation of device memory\n",
               bytes, start);
  return cudaErrorInvalidValue;
}

/// Fills in the kind of a cudaMemcpyDefault, and checks both ends.
cudaError_t check(Copy& copy) {
  const bool from_device = in_device_memory(copy.from, 1), to_device = in_device_memory(copy.to, 1);
  if (copy.kind == cudaMemcpyDefault) {
    copy.kind = from_device ? (to_device ? cudaMemcpyDeviceToDevice : cudaMemcpyDeviceToHost)
                            : (to_device ? cudaMemcpyHostToDevice : cudaMemcpyHostToHost);
  }
  const bool reads = copy.kind == cudaMemcpyDeviceToHost || copy.kind == cudaMemcpyDeviceToDevice;
  const bool writes = copy.kind == cudaMemcpyHostToDevice || copy.kind == cudaMemcpyDeviceToDevice;
  if (reads != from_device || writes != to_device) return cudaErrorInvalidValue;
  if (reads && !in_device_memory(copy.from, copy.from_rows.extent())) {
    return outside(copy.from, copy.from_rows.extent());
  }
  if (writes && !in_device_memory(copy.to, copy.to_rows.extent())) {
    return outside(copy.to, copy.to_rows.extent());
  }
  return cudaSuccess;
}

/// Whether memory of the host is left alone until the copy's turn comes in its stream. CUDA leaves
/// open whether pageable memory is; where a GPU reaches it by itself, it may be.
bool late(const void* host, bool synchronous) {
  return pinned_memory().contains(host) || (configuration().late_pageable && !synchronous);
}

/// Pageable memory is read before the call returns, and has been written when it does, unless
/// late(). With `synchronous` the same holds for pinned memory.
cudaError_t issue(Copy copy, cudaStream_t handle, bool synchronous) {
  if (copy.to_rows.extent() == 0) return cudaSuccess;
  cudaError_t status = check(copy);
  if (status != cudaSuccess) return status;
  const std::lock_guard lock(scheduler().mutex());
  Stream* stream = scheduler().stream(handle);
  if (synchronous) {
    status = scheduler().forbid_during_capture();
    if (status != cudaSuccess) return status;
  }
  const bool to_host = copy.kind == cudaMemcpyDeviceToHost || copy.kind == cudaMemcpyHostToHost;
  const bool staged = copy.kind == cudaMemcpyHostToDevice && !late(copy.from, synchronous);
  const bool waits = synchronous ? copy.kind != cudaMemcpyDeviceToDevice && !staged
                                 : to_host && !late(copy.to, synchronous);
  if (waits && stream->capture != nullptr) return cudaErrorStreamCaptureUnsupported;

  std::shared_ptr<std::vector<char>> stage;
  if (staged) {
    const char* from = static_cast<const char*>(copy.from);
    stage = std::make_shared<std::vector<char>>(from, from + copy.from_rows.extent());
  }
  const auto run = [copy, stage] {
    const void* from = stage != nullptr ? stage->data() : copy.from;
    copy_rows(static_cast<char*>(copy.to), copy.to_rows.pitch, static_cast<const char*>(from),
              copy.from_rows);
  };
  status = enqueue(handle, "copy", run);
  if (status == cudaSuccess && waits) scheduler().synchronize(stream, [] { return false; });
  return status;
}

Copy plain(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  const Rows rows{bytes, bytes, std::size_t{1}};
  return {to, rows, from, rows, kind};
}

/// Of calls that wait for the whole device.
template <typename Call>
cudaError_t exclusively(Call call) {
  if (device_status() != cudaSuccess) return remember(device_status());
  const std::lock_guard lock(scheduler().mutex());
  const cudaError_t status = scheduler().forbid_during_capture();
  return remember(status != cudaSuccess ? status : call());
}

}  // namespace
}  // namespace resnext::standin

using namespace resnext::standin;

extern "C" {

cudaError_t cudaMalloc(void** start, std::size_t bytes) {
  return exclusively([&] {
    *start = device_memory().allocate(current_device(), bytes);
    return *start != nullptr ? cudaSuccess : cudaErrorMemoryAllocation;
  });
}

cudaError_t cudaFree(void* start) {
  return exclusively([&] {
    if (start == nullptr) return cudaSuccess;
    scheduler().synchronize_all();
    return device_memory().release(start) ? cudaSuccess : cudaErrorInvalidValue;
  });
}

cudaError_t cudaHostAlloc(void** start, std::size_t bytes, unsigned) {
  return exclusively([&] {
    *start = pinned_memory().allocate(bytes);
    return *start != nullptr ? cudaSuccess : cudaErrorMemoryAllocation;
  });
}

cudaError_t cudaMallocHost(void** start, std::size_t bytes) {
  return cudaHostAlloc(start, bytes, cudaHostAllocDefault);
}

cudaError_t cudaFreeHost(void* start) {
  return exclusively([&] {
    if (start == nullptr) return cudaSuccess;
    scheduler().synchronize_all();
    return pinned_memory().release(start) ? cudaSuccess : cudaErrorInvalidValue;
  });
}

cudaError_t cudaHostRegister(void* start, std::size_t bytes, unsigned) {
  pinned_memory().add(start, bytes);
  return remember(device_status());
}

cudaError_t cudaHostUnregister(void* start) {
  return exclusively([&] {
    scheduler().synchronize_all();
    return pinned_memory().remove(start) ? cudaSuccess : cudaErrorHostMemoryNotRegistered;
  });
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  return remember(issue(plain(to, from, bytes, kind), stream, false));
}

cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  return remember(issue(plain(to, from, bytes, kind), nullptr, true));
}

cudaError_t cudaMemcpy2DAsync(void* to, std::size_t to_pitch, const void* from,
                              std::size_t from_pitch, std::size_t width, std::size_t height,
                              cudaMemcpyKind kind, cudaStream_t stream) {
  if (width > to_pitch || width > from_pitch) return remember(cudaErrorInvalidPitchValue);
  const Copy copy{to, {to_pitch, width, height}, from, {from_pitch, width, height}, kind};
  return remember(issue(copy, stream, false));
}

cudaError_t cudaMemcpy2D(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch,
                         std::size_t width, std::size_t height, cudaMemcpyKind kind) {
  if (width > to_pitch || width > from_pitch) return remember(cudaErrorInvalidPitchValue);
  const Copy copy{to, {to_pitch, width, height}, from, {from_pitch, width, height}, kind};
  return remember(issue(copy, nullptr, true));
}

cudaError_t cudaMemsetAsync(void* start, int value, std::size_t bytes, cudaStream_t stream) {
  if (bytes == 0) return cudaSuccess;
  if (!in_device_memory(start, bytes)) return remember(outside(start, bytes));
  return remember(enqueue(stream, "memset", [=] { std::memset(start, value, bytes); }));
}

cudaError_t cudaMemset(void* start, int value, std::size_t bytes) {
  return cudaMemsetAsync(start, value, bytes, nullptr);
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* start) {
  *attributes = {};
  attributes->type = in_device_memory(start, 1)        ? cudaMemoryTypeDevice
                     : pinned_memory().contains(start) ? cudaMemoryTypeHost
                                                       : cudaMemoryTypeUnregistered;
  attributes->device = current_device();
  return remember(device_status());
}
}
