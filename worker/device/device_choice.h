#pragma once
// Decides, with all ranks, what this one computes with.

#include <string>
#include <vector>

#include "worker/comm/communicator.h"
#include "worker/device/device.h"
#include "worker/options.h"

namespace resnext::worker {

struct ChosenDevice {
  Device device;
  std::vector<std::string> notes;  ///< for rank 0 to print
};

/// By --device and --precision. A rank that is given a GPU then stays on the cores near it. Throws
/// cli::UsageError, the same on all ranks. Collective.
ChosenDevice choose_device(const Options& options, const Communicator& communicator);

}  // namespace resnext::worker
