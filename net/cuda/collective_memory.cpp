#include "net/cuda/collective_memory.h"

#include <utility>

#include <cuda_runtime_api.h>
#include <nccl.h>

#include "net/cuda/cuda_error.h"
#include "net/cuda/device_memory.h"

namespace resnext::net::cuda {

CollectiveMemory::CollectiveMemory(std::size_t values) : values_(values) {
  if (values == 0) return;
  void* memory = nullptr;
  from_nccl_ = ncclMemAlloc(&memory, bytes()) == ncclSuccess && memory != nullptr;
  if (!from_nccl_) {
    cudaGetLastError();  // NCCL's failure is not the next call's
    const cudaError_t status = cudaMalloc(&memory, bytes());
    if (status == cudaErrorMemoryAllocation) {
      cudaGetLastError();
      throw OutOfDeviceMemory(bytes(), "it has no more for gradients and weights");
    }
    check_cuda(status, "allocating an arena");
  }
  data_ = static_cast<float*>(memory);
}

CollectiveMemory::~CollectiveMemory() {
  if (data_ == nullptr) return;
  if (from_nccl_) {
    ncclMemFree(data_);
  } else {
    cudaFree(data_);
  }
}

CollectiveMemory::CollectiveMemory(CollectiveMemory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      values_(std::exchange(other.values_, 0)),
      from_nccl_(other.from_nccl_) {}

CollectiveMemory& CollectiveMemory::operator=(CollectiveMemory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(values_, other.values_);
  std::swap(from_nccl_, other.from_nccl_);
  return *this;
}

}  // namespace resnext::net::cuda
