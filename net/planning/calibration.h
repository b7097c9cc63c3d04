#pragma once
// What the model of scaling takes from measurements of others: net/planning/calibration.json,
// embedded when the program is built. Kernels reach a fraction of the roofline; that fraction is
// taken from one published figure of one GPU for each kind of GPU and precision.

#include <string>
#include <string_view>
#include <vector>

#include "net/devices/device.h"

namespace resnext::net {

/// A published throughput of one GPU.
struct MeasuredThroughput {
  std::string gpu;     ///< part of the names of the GPUs that it speaks for, e.g. "A100"
  std::string device;  ///< what it was measured on, as read_device() takes it
  Precision precision = Precision::kBf16;
  std::string model;
  int batch_size = 0;
  double images_per_second = 0;
  std::string source;
};

/// How far the model is off published figures that it was not calibrated with
/// (tests/net/planning/published_test.cpp computes it).
struct ModelError {
  int efficiencies = 0;  ///< figures compared
  double mean_efficiency_points = 0, max_efficiency_points = 0;
  int throughputs = 0;
  double mean_throughput_percent = 0, max_throughput_percent = 0;
};

struct Calibration {
  std::vector<MeasuredThroughput> attained;  ///< at least one
  double message_gap = 0;                    ///< see Interconnect, s
  ModelError error;
};

/// The embedded one.
Calibration read_calibration();

/// That of a text of the same form. Throws std::invalid_argument naming what is wrong.
Calibration parse_calibration(std::string_view text);

/// The fraction of the roofline that kernels attain, and where it is from.
struct Attained {
  double fraction = 1;
  std::string basis;     ///< a clause for people
  bool assumed = false;  ///< no figure speaks for this GPU and precision
};

/// From the figure for the device and precision; where there is none, from one of the same
/// precision, else of the same GPU, else the first.
Attained attained_fraction(const Calibration& calibration, const DeviceDescription& device,
                           Precision precision);

}  // namespace resnext::net
