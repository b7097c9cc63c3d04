#pragma once
// What a GPU and the machine around it can do at most, for planning without one: the files of
// net/devices, embedded when the program is built, or a user's own of the same form.

#include <span>
#include <string>
#include <string_view>

#include "net/precision.h"

namespace resnext::net {

/// Peaks of one GPU and of its links. Zero stands for nothing here: every figure is positive.
struct DeviceFigures {
  double memory_bytes = 0;
  double memory_bandwidth = 0;  ///< bytes/s
  double bf16_flops = 0;        ///< FLOP/s, dense, two for a multiply-add
  double tf32_flops = 0;
  double fp32_flops = 0;
  int gpus_per_node = 0;         ///< joined by NVLink
  double nvlink_bandwidth = 0;   ///< bytes/s of one GPU, one direction
  double nvlink_latency = 0;     ///< s, one message from GPU to GPU
  double network_bandwidth = 0;  ///< bytes/s of one GPU's share of its node's ports, one direction
  double network_latency = 0;    ///< s, one message from node to node
  std::string source;            ///< where the figures are from

  /// FLOP/s at the precision.
  double peak_flops(Precision precision) const;
};

struct DeviceDescription {
  std::string name;   ///< e.g. "NVIDIA H100 80GB HBM3"
  std::string where;  ///< the known name or the file that it was read from
  /// cuDNN's own properties of the device, as it takes them
  /// (CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION). Empty where the file has none: enough for a
  /// roofline, not to plan with.
  std::string cudnn_json;
  DeviceFigures figures;
};

/// The keys of cuDNN's device properties; it crashes or refuses where one is missing.
std::span<const std::string_view> cudnn_device_keys();

/// A file of net/devices.
struct KnownDevice {
  std::string_view name;  ///< e.g. "h100"
  std::string_view text;  ///< the whole file
};
std::span<const KnownDevice> known_devices();

/// The known device of that name, else the file of that path. Throws std::invalid_argument: an
/// unknown name with the known ones and the nearest; a wrong file with its path and the key.
DeviceDescription read_device(const std::string& name_or_path);

/// The description that `text` holds; `where` stands in front of error messages.
DeviceDescription parse_device(std::string_view text, const std::string& where);

}  // namespace resnext::net
