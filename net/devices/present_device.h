#pragma once
// A device file (net/devices) for a GPU that is at hand, from what it says of itself.

#include <string>

namespace resnext::net {

/// What CUDA and cuDNN say of a GPU. 0: they do not say.
struct PresentGpu {
  std::string name;
  std::string cudnn_json;      ///< cuDNN's own properties of the device
  std::string versions;        ///< of driver and libraries
  int compute_capability = 0;  ///< e.g. 90
  int multiprocessors = 0;
  double clock = 0;         ///< Hz, the highest
  double memory_clock = 0;  ///< Hz
  int memory_bus_bits = 0;
  double memory_bytes = 0;
  int gpus = 0;  ///< that the process sees on this host
};

/// JSON that read_device() takes. Peaks are clocks times widths; CUDA does not tell how fast NVLink
/// and network are, so these are the nearest known device's. `roofline.source` says which is which.
std::string device_file(const PresentGpu& gpu);

}  // namespace resnext::net
