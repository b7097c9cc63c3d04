#include "planner_folder.h"

#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "net/devices/device.h"

namespace resnext::net {
namespace fs = std::filesystem;

PlannerFolder::PlannerFolder(PlannerKind kind)
    : folder_(fs::path(testing::TempDir()) / ("resnext_planner_" + std::to_string(getpid()))) {
  fs::create_directories(folder_ / "cuda");
  fs::copy_file(RESNEXT_INFO, folder_ / "resnext-info", fs::copy_options::overwrite_existing);
  if (kind == PlannerKind::kFake) {
    fs::copy_file(RESNEXT_FAKE_PLANNER, folder_ / "cuda/resnext-plan-graphs",
                  fs::copy_options::overwrite_existing);
  }
}

PlannerFolder::~PlannerFolder() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

InfoResult PlannerFolder::info(const std::string& arguments) const {
  return info_at((folder_ / "resnext-info").string(), arguments);
}

std::string PlannerFolder::device_with_memory(const std::string& name, double bytes) const {
  for (const KnownDevice& device : known_devices()) {
    if (device.name != name) continue;
    auto json = nlohmann::json::parse(device.text);
    json["roofline"]["memory_bytes"] = bytes;
    return write("device.json", json.dump());
  }
  return {};
}

std::string PlannerFolder::write(const std::string& name, const std::string& text) const {
  std::ofstream(folder_ / name) << text;
  return (folder_ / name).string();
}

}  // namespace resnext::net
