#pragma once
// How many GPUs this process may use, without a CUDA library.

#include <string>

namespace resnext::launcher {

/// NVIDIA GPUs by their device files (a container has those it was given), or by what the driver
/// lists, as far as CUDA_VISIBLE_DEVICES shows them. `root` stands before /dev and /proc; tests
/// give a folder of their own.
int count_gpus(const std::string& root = "");

}  // namespace resnext::launcher
