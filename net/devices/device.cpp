#include "net/devices/device.h"

#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "cli/nearest_name.h"

namespace resnext::net {
namespace {
using Json = nlohmann::json;

constexpr std::array<std::string_view, 23> kCudnnKeys = {"cudaDeviceId",
                                                         "deviceVer",
                                                         "driverVer",
                                                         "deviceName",
                                                         "maxGridSize",
                                                         "maxBlockSize",
                                                         "regsPerBlock",
                                                         "multiProcessorCount",
                                                         "warpSize",
                                                         "maxSharedMemoryPerBlock",
                                                         "maxSharedMemoryPerBlockOptin",
                                                         "reservedSharedMemoryPerBlock",
                                                         "maxRegistersPerSM",
                                                         "maxCtasPerSM",
                                                         "maxThreadsPerBlock",
                                                         "maxThreadsPerSM",
                                                         "pciDeviceId",
                                                         "isTccDriver",
                                                         "supportCoopLaunch",
                                                         "smClockRateKHz",
                                                         "memClockRateKHz",
                                                         "l2CacheSize",
                                                         "totalGlobalMem"};

/// One object of a file, whose complaints name file and key.
class Section {
 public:
  Section(const Json& json, std::string path, std::string where)
      : json_(json), path_(std::move(path)), where_(std::move(where)) {
    if (!json.is_object()) fail(path_.empty() ? "the file" : path_, "is not an object");
  }

  /// A value that every file has.
  const Json& at(std::string_view key) const {
    const auto found = json_.find(key);
    if (found == json_.end()) fail(full(key), "is missing");
    return *found;
  }

  std::string text(std::string_view key) const {
    const Json& value = at(key);
    if (!value.is_string()) fail(full(key), "is not a text");
    return value.get<std::string>();
  }

  double positive(std::string_view key) const {
    const Json& value = at(key);
    if (!value.is_number()) fail(full(key), "is not a number");
    const auto number = value.get<double>();
    if (!(number > 0) || !std::isfinite(number)) {
      fail(full(key), fmt::format("must be positive, not {}", number));
    }
    return number;
  }

  int count(std::string_view key) const {
    constexpr int kLargest = 1 << 20;
    const double number = positive(key);
    if (number != std::floor(number) || number > kLargest) {
      fail(full(key), fmt::format("must be a whole number up to {}, not {}", kLargest, number));
    }
    return static_cast<int>(number);
  }

  [[noreturn]] void fail(const std::string& what, const std::string& problem) const {
    throw std::invalid_argument(fmt::format("{}: {} {}", where_, what, problem));
  }

 private:
  std::string full(std::string_view key) const {
    return path_.empty() ? fmt::format("'{}'", key) : fmt::format("'{}.{}'", path_, key);
  }

  const Json& json_;
  std::string path_;
  std::string where_;
};

DeviceFigures parse_figures(const Section& section) {
  DeviceFigures figures;
  figures.memory_bytes = section.positive("memory_bytes");
  figures.memory_bandwidth = section.positive("memory_bandwidth");
  figures.bf16_flops = section.positive("bf16_flops");
  figures.tf32_flops = section.positive("tf32_flops");
  figures.fp32_flops = section.positive("fp32_flops");
  figures.gpus_per_node = section.count("gpus_per_node");
  figures.nvlink_bandwidth = section.positive("nvlink_bandwidth");
  figures.nvlink_latency = section.positive("nvlink_latency");
  figures.network_bandwidth = section.positive("network_bandwidth");
  figures.network_latency = section.positive("network_latency");
  figures.source = section.text("source");
  return figures;
}

std::string parse_cudnn(const Json& json, const std::string& where) {
  const Section section(json, "cudnn", where);
  for (const std::string_view key : kCudnnKeys) section.at(key);
  return json.dump();
}

std::string unknown_device(const std::string& name) {
  std::vector<std::string> names;
  for (const KnownDevice& device : known_devices()) names.emplace_back(device.name);
  return fmt::format("unknown device '{}'{} (one of: {}; or a JSON file of the same form)", name,
                     cli::did_you_mean(name, names), fmt::join(names, ", "));
}

std::string file_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path)) {
    throw std::invalid_argument(fmt::format("cannot read device file '{}'", path));
  }
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

double DeviceFigures::peak_flops(Precision precision) const {
  switch (precision) {
    case Precision::kFp32:
      return fp32_flops;
    case Precision::kTf32:
      return tf32_flops;
    case Precision::kBf16:
      return bf16_flops;
  }
  return fp32_flops;
}

std::span<const std::string_view> cudnn_device_keys() {
  return kCudnnKeys;
}

DeviceDescription read_device(const std::string& name_or_path) {
  for (const KnownDevice& device : known_devices()) {
    if (device.name == name_or_path) return parse_device(device.text, name_or_path);
  }
  std::error_code ignored;
  if (!std::filesystem::exists(name_or_path, ignored)) {
    throw std::invalid_argument(unknown_device(name_or_path));
  }
  return parse_device(file_text(name_or_path), name_or_path);
}

DeviceDescription parse_device(std::string_view text, const std::string& where) {
  Json json;
  try {
    json = Json::parse(text);
  } catch (const Json::parse_error& error) {
    throw std::invalid_argument(
        fmt::format("{}: not JSON: wrong at byte {} of {}", where, error.byte, text.size()));
  }
  const Section whole(json, "", where);
  DeviceDescription device;
  device.name = whole.text("name");
  device.where = where;
  if (json.contains("cudnn")) device.cudnn_json = parse_cudnn(json["cudnn"], where);
  device.figures = parse_figures(Section(whole.at("roofline"), "roofline", where));
  return device;
}

}  // namespace resnext::net
