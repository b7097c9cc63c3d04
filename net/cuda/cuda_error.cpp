#include "net/cuda/cuda_error.h"

#include <stdexcept>

#include <fmt/format.h>

namespace resnext::net::cuda {

namespace {

/// Errors of a kernel that has run: whoever asks next is told.
bool comes_late(cudaError_t status) {
  return status == cudaErrorIllegalAddress || status == cudaErrorMisalignedAddress ||
         status == cudaErrorIllegalInstruction || status == cudaErrorLaunchFailure ||
         status == cudaErrorLaunchTimeout;
}

}  // namespace

void check_cuda(cudaError_t status, const std::string& operation) {
  if (status == cudaSuccess) return;
  throw std::runtime_error(fmt::format(
      "CUDA: {}: {} ({}){}", operation, cudaGetErrorString(status), cudaGetErrorName(status),
      comes_late(status) ? "; an earlier launch may be to blame: --cuda-graphs off, "
                           "with CUDA_LAUNCH_BLOCKING=1 set, tells which"
                         : ""));
}

}  // namespace resnext::net::cuda
