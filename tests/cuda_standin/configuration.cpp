#include "tests/cuda_standin/configuration.h"

#include <cstdio>
#include <cstdlib>
#include <sstream>

namespace resnext::standin {
namespace {

std::string variable(const char* name, const std::string& otherwise = "") {
  const char* value = std::getenv(name);
  return value != nullptr ? value : otherwise;
}

Order parse_order(const std::string& text, std::uint32_t& seed) {
  if (text == "lazy") return Order::kLazy;
  if (text == "others") return Order::kOthers;
  if (text == "youngest") return Order::kYoungest;
  if (text.starts_with("rand:")) {
    seed = static_cast<std::uint32_t>(std::stoul(text.substr(5)));
    return Order::kRandom;
  }
  std::fprintf(stderr, "[standin] STANDIN_ORDER=%s: expected lazy, others, youngest or rand:N\n",
               text.c_str());
  std::abort();
}

bool parse_pageable(const std::string& text) {
  if (text == "late" || text == "staged") return text == "late";
  std::fprintf(stderr, "[standin] STANDIN_PAGEABLE=%s: expected late or staged\n", text.c_str());
  std::abort();
}

/// As CUDA does: the list ends at the first ordinal that does not exist.
std::vector<int> visible_devices(int count) {
  std::vector<int> devices;
  const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
  if (visible == nullptr) {
    for (int i = 0; i < count; ++i) devices.push_back(i);
    return devices;
  }
  std::istringstream list(visible);
  for (std::string item; std::getline(list, item, ',');) {
    char* end = nullptr;
    const long ordinal = std::strtol(item.c_str(), &end, 10);
    if (end == item.c_str() || *end != '\0' || ordinal < 0 || ordinal >= count) break;
    devices.push_back(static_cast<int>(ordinal));
  }
  return devices;
}

Configuration read() {
  Configuration result;
  result.order = parse_order(variable("STANDIN_ORDER", "lazy"), result.seed);
  result.trace = !variable("STANDIN_TRACE").empty();
  result.devices = visible_devices(std::stoi(variable("STANDIN_DEVICES", "1")));
  result.compute_capability = std::stoi(variable("STANDIN_SM", "90"));
  result.driver_version = std::stoi(variable("STANDIN_DRIVER", "13000"));
  result.memory_bytes =
      std::stoull(variable("STANDIN_MEMORY", std::to_string(result.memory_bytes)));
  result.library_bytes = std::stoull(variable("STANDIN_LIBRARIES", "0"));
  result.device_name = variable("STANDIN_DEVICE_NAME", "Stand-in GPU (host memory)");
  result.launch_error = variable("STANDIN_LAUNCH_ERROR");
  result.list_waits = variable("STANDIN_LIST_WAITS");
  result.drop_wait = variable("STANDIN_DROP_WAIT");
  result.late_pageable = parse_pageable(variable("STANDIN_PAGEABLE", "staged"));
  return result;
}

}  // namespace

const Configuration& configuration() {
  static const Configuration instance = read();
  return instance;
}

}  // namespace resnext::standin
