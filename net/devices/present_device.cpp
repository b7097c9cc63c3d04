#include "net/devices/present_device.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "net/devices/device.h"

namespace resnext::net {
namespace {
using Json = nlohmann::ordered_json;

/// Dense FLOP of one multiprocessor in one cycle, with fp32 sums (NVIDIA's architecture white
/// papers: peak / multiprocessors / boost clock).
struct Rates {
  int compute_capability;
  double bf16, tf32, fp32;
};
constexpr std::array kRates = {
    Rates{75, 128, 128, 128},  // its tensor cores know neither bf16 nor TF32
    Rates{80, 2048, 1024, 128}, Rates{86, 1024, 512, 256},   Rates{89, 1024, 512, 256},
    Rates{90, 4096, 2048, 256}, Rates{100, 8192, 4096, 256}, Rates{120, 1024, 512, 256}};

/// Of the newest kind that is no newer.
const Rates& rates_of(int compute_capability) {
  const auto* next = std::ranges::find_if(
      kRates, [&](const Rates& rates) { return rates.compute_capability > compute_capability; });
  if (next == kRates.begin()) {
    throw std::invalid_argument(
        fmt::format("the GPU has compute capability {}.{}; cuDNN 9 computes on 7.5 and newer",
                    compute_capability / 10, compute_capability % 10));
  }
  return *(next - 1);
}

/// The known device of the nearest compute capability, and of those of the nearest memory.
DeviceDescription nearest_device(const PresentGpu& gpu) {
  const auto distance = [&](const KnownDevice& known) {
    const DeviceDescription device = parse_device(known.text, std::string(known.name));
    const int capability = Json::parse(device.cudnn_json).at("deviceVer").get<int>() / 10;
    return std::pair(std::abs(capability - gpu.compute_capability),
                     std::abs(device.figures.memory_bytes - gpu.memory_bytes));
  };
  const auto nearest = std::ranges::min_element(known_devices(), {}, distance);
  return parse_device(nearest->text, std::string(nearest->name));
}

double memory_bandwidth(const PresentGpu& gpu) {
  return 2 * gpu.memory_clock * gpu.memory_bus_bits / 8;  // double data rate
}

/// Where the figures are from, in one text.
std::string source_of(const PresentGpu& gpu, const Rates& rates, const DeviceDescription& nearest) {
  const std::string bandwidth =
      memory_bandwidth(gpu) > 0
          ? fmt::format("memory bandwidth = 2 x {:.0f} MHz x {} bits", gpu.memory_clock / 1e6,
                        gpu.memory_bus_bits)
          : fmt::format("memory bandwidth not told by CUDA, so that of {}", nearest.name);
  return fmt::format(
      "read from the GPU ({}): memory size, GPUs visible on the host ({}), {}, peaks = {} "
      "multiprocessors x {:.0f} MHz x FLOP a cycle of compute capability {}.{} (bf16 {}, TF32 {}, "
      "fp32 {}: NVIDIA's white papers); assumed, since CUDA does not tell: NVLink and network, as "
      "for {}",
      gpu.versions, gpu.gpus, bandwidth, gpu.multiprocessors, gpu.clock / 1e6,
      rates.compute_capability / 10, rates.compute_capability % 10, rates.bf16, rates.tf32,
      rates.fp32, nearest.name);
}

Json roofline_json(const PresentGpu& gpu) {
  const Rates& rates = rates_of(gpu.compute_capability);
  const DeviceDescription nearest = nearest_device(gpu);
  const double cycles = gpu.multiprocessors * gpu.clock;
  const double bandwidth = memory_bandwidth(gpu);
  return {{"memory_bytes", gpu.memory_bytes},
          {"memory_bandwidth", bandwidth > 0 ? bandwidth : nearest.figures.memory_bandwidth},
          {"bf16_flops", cycles * rates.bf16},
          {"tf32_flops", cycles * rates.tf32},
          {"fp32_flops", cycles * rates.fp32},
          {"gpus_per_node", gpu.gpus},
          {"nvlink_bandwidth", nearest.figures.nvlink_bandwidth},
          {"nvlink_latency", nearest.figures.nvlink_latency},
          {"network_bandwidth", nearest.figures.network_bandwidth},
          {"network_latency", nearest.figures.network_latency},
          {"source", source_of(gpu, rates, nearest)}};
}

}  // namespace

std::string device_file(const PresentGpu& gpu) {
  const Json json{{"name", gpu.name},
                  {"cudnn_source", fmt::format("dumped from the GPU ({})", gpu.versions)},
                  {"cudnn", Json::parse(gpu.cudnn_json)},
                  {"roofline", roofline_json(gpu)}};
  return json.dump(2) + "\n";
}

}  // namespace resnext::net
