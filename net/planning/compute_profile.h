#pragma once
// How long one GPU computes on a batch, and when in that time gradients become ready.

#include <cstddef>
#include <vector>

#include "net/cuda/device_program.h"
#include "net/devices/device.h"
#include "net/graph.h"

namespace resnext::net {

/// The arena's values [0, values) are final after so many seconds of the step.
struct ReadyGradients {
  std::size_t values = 0;
  double seconds = 0;
};

struct ComputeProfile {
  int batch_size = 0;
  std::size_t parameters = 0;
  double seconds = 0;                 ///< forward and backward pass
  std::vector<ReadyGradients> ready;  ///< rising; the last is of all parameters
  double refresh_seconds = 0;         ///< new working weights from the new master weights
  double memory_bandwidth = 0;        ///< bytes/s that kernels attain
};

/// Of a training program by its roofline (net/cuda/roofline.h), of which kernels attain the
/// fraction `attained` in (0, 1].
ComputeProfile profile_computation(const cuda::DeviceProgram& program, const DeviceFigures& figures,
                                   Precision precision, double attained);

/// The same for a model, fed as usual. Throws std::invalid_argument for a name that is none.
ComputeProfile profile_model(const std::string& model, int batch_size, const DeviceFigures& figures,
                             Precision precision, double attained);

}  // namespace resnext::net
