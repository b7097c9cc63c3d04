#pragma once
// CUDA's status codes as exceptions.

#include <string>

#include <cuda_runtime_api.h>

namespace resnext::net::cuda {

/// Throws std::runtime_error naming `operation` and CUDA's reason when `status` is no success.
void check_cuda(cudaError_t status, const std::string& operation);

}  // namespace resnext::net::cuda
