#pragma once

#include <memory>

#include <cudnn.h>

#include "net/cuda/cudnn_descriptor.h"

namespace resnext::net::cuda {

/// cuDNN on the current GPU, for one thread at a time.
class CudnnHandle {
 public:
  CudnnHandle() {
    cudnnHandle_t handle = nullptr;
    check_cudnn(cudnnCreate(&handle), "starting on the GPU");
    handle_.reset(handle);
  }
  cudnnHandle_t get() const { return handle_.get(); }

 private:
  struct Destroy {
    void operator()(cudnnHandle_t handle) const { cudnnDestroy(handle); }
  };
  std::unique_ptr<cudnnContext, Destroy> handle_;
};

}  // namespace resnext::net::cuda
