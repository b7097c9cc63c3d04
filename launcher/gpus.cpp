#include "launcher/gpus.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>

#include "cli/comma_list.h"

namespace resnext::launcher {
namespace {

namespace fs = std::filesystem;

bool is_digits(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](unsigned char letter) { return std::isdigit(letter); });
}

/// /dev/nvidia0 and so on; nvidiactl, nvidia-uvm and nvidia-caps are no GPUs.
int count_device_files(const fs::path& folder) {
  constexpr std::string_view kPrefix = "nvidia";
  int count = 0;
  std::error_code none;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, none)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(kPrefix) && is_digits(name.substr(kPrefix.size()))) ++count;
  }
  return count;
}

int count_entries(const fs::path& folder) {
  std::error_code none;
  return static_cast<int>(std::distance(fs::directory_iterator(folder, none), {}));
}

/// Of CUDA_VISIBLE_DEVICES, where -1 hides itself and all behind it.
int count_listed(const char* variable) {
  int count = 0;
  for (const std::string& device : cli::split_at_commas(variable)) {
    if (device.starts_with('-')) break;
    ++count;
  }
  return count;
}

}  // namespace

int count_gpus(const std::string& root) {
  const int files = count_device_files(root + "/dev");
  const int present = files > 0 ? files : count_entries(root + "/proc/driver/nvidia/gpus");
  const char* const visible = std::getenv("CUDA_VISIBLE_DEVICES");
  return visible == nullptr ? present : std::min(present, count_listed(visible));
}

}  // namespace resnext::launcher
