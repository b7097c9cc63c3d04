#pragma once
// How kernels of grid-stride loops are launched.

#include <algorithm>

#include "net/cuda/cuda_error.h"

namespace resnext::net::cuda {

inline constexpr unsigned kThreads = 256;
/// Enough blocks to fill any GPU several times over; loops take the rest.
inline constexpr std::size_t kMostBlocks = 4096;

inline unsigned blocks_for(std::size_t elements) {
  return static_cast<unsigned>(
      std::clamp<std::size_t>((elements + kThreads - 1) / kThreads, 1, kMostBlocks));
}

inline void check_launch(const char* kernel) {
  check_cuda(cudaGetLastError(), kernel);
}

}  // namespace resnext::net::cuda
