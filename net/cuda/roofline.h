#pragma once
// The least time that a device program can take on a GPU: for each step the longer of its
// multiply-adds at the peak of the tensor cores and its memory traffic at full bandwidth (Williams,
// Waterman, Patterson: Roofline, 2009). Traffic counts every tensor of a step once, as if the cache
// kept nothing from one step to the next and everything within one.

#include <vector>

#include "net/cuda/device_program.h"
#include "net/devices/device.h"

namespace resnext::net::cuda {

struct StepCost {
  double flops = 0;  ///< of convolutions and matrix products, two for a multiply-add
  double bytes = 0;  ///< read and written

  StepCost& operator+=(const StepCost& other) {
    flops += other.flops;
    bytes += other.bytes;
    return *this;
  }
};

/// Of each step of the program, in order.
std::vector<StepCost> step_costs(const DeviceProgram& program);

/// Of bringing `parameters` up to date from their gradients: weights and momentum are read and
/// written, gradients read, working copies of `type` written.
StepCost update_cost(std::size_t parameters, DataType type);

/// In seconds.
double least_time(const StepCost& cost, const DeviceFigures& figures, Precision precision);
double least_time(const std::vector<StepCost>& costs, const DeviceFigures& figures,
                  Precision precision);

}  // namespace resnext::net::cuda
