#pragma once
// The steps of a program that no cuDNN plan computes: our own kernels, compiled with the program.

#include <span>
#include <string>
#include <vector>

#include "net/cuda/device_program.h"

namespace resnext::net {

struct OwnKernel {
  std::string work;   ///< e.g. "average pool"
  int training = 0;   ///< launches in one training pass
  int inference = 0;  ///< in one inference pass
};

/// What follows the backward pass, in one line: the same for every network.
inline constexpr const char* kUpdateWork =
    "sum of batches, exchange between ranks (NCCL), SGD, refresh of working weights";

/// Those of the programs, in the order of first use.
std::vector<OwnKernel> own_kernels(std::span<const cuda::DeviceProgram> programs);

}  // namespace resnext::net
