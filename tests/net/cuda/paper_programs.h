#pragma once
// Every program that reproducing the paper's tables runs on GPUs.

#include <string>
#include <vector>

#include "net/cuda/device_program.h"
#include "net/precision.h"

namespace resnext::net::cuda {

/// Training and inference of all networks that the paper names, with the batches of a replica (32
/// images; CIFAR 16) and every number of classes and size of test image that its tables ask for.
std::vector<DeviceProgram> paper_programs();

/// Training and inference of networks at their usual sizes.
std::vector<DeviceProgram> programs_of(const std::vector<std::string>& models, DataType type);

}  // namespace resnext::net::cuda
