#include "net/cuda/cuda_error.h"

#include <stdexcept>

#include <fmt/format.h>

namespace resnext::net::cuda {

void check_cuda(cudaError_t status, const std::string& operation) {
  if (status == cudaSuccess) return;
  throw std::runtime_error(fmt::format("CUDA: {}: {} ({})", operation, cudaGetErrorString(status),
                                       cudaGetErrorName(status)));
}

}  // namespace resnext::net::cuda
