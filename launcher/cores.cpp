#include "launcher/cores.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>

#include <sched.h>
#include <unistd.h>

namespace resnext::launcher {
namespace {

namespace fs = std::filesystem;

std::string first_line(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

void tighten(std::optional<double>& quota, double limit) {
  if (limit > 0) quota = quota ? std::min(*quota, limit) : limit;
}

/// cgroup v2: "QUOTA PERIOD" in microseconds, or "max PERIOD".
void read_v2(const fs::path& folder, std::optional<double>& quota) {
  std::istringstream line(first_line(folder / "cpu.max"));
  double limit = 0;
  double period = 0;
  if (line >> limit >> period && period > 0) tighten(quota, limit / period);
}

/// cgroup v1: a quota of -1 is none.
void read_v1(const fs::path& folder, std::optional<double>& quota) {
  std::istringstream limit_line(first_line(folder / "cpu.cfs_quota_us"));
  std::istringstream period_line(first_line(folder / "cpu.cfs_period_us"));
  double limit = 0;
  double period = 0;
  if (limit_line >> limit && period_line >> period && period > 0) tighten(quota, limit / period);
}

/// Calls `read` for the group and every parent. In a container the group's path is often the
/// host's and does not exist inside; its parents then do not either, down to the mount itself.
template <typename Read>
void walk_up(const fs::path& mount, const std::string& group, const Read& read) {
  for (fs::path path = fs::path(group).relative_path(); !path.empty(); path = path.parent_path()) {
    read(mount / path);
  }
  read(mount);
}

bool names_cpu(const std::string& controllers) {
  std::istringstream stream(controllers);
  for (std::string name; std::getline(stream, name, ',');) {
    if (name == "cpu") return true;
  }
  return false;
}

std::vector<int> allowed_cpus() {
  // Larger than cpu_set_t's 1,024 CPUs: on bigger machines the kernel refuses a smaller mask.
  constexpr int kMaximum = 8192;
  struct Free {
    void operator()(cpu_set_t* set) const { CPU_FREE(set); }
  };
  const std::unique_ptr<cpu_set_t, Free> set(CPU_ALLOC(kMaximum));
  const std::size_t size = CPU_ALLOC_SIZE(kMaximum);
  std::vector<int> cpus;
  if (sched_getaffinity(0, size, set.get()) != 0) return {0};
  for (int cpu = 0; cpu < kMaximum; ++cpu) {
    if (CPU_ISSET_S(cpu, size, set.get())) cpus.push_back(cpu);
  }
  return cpus;
}

}  // namespace

std::optional<double> cpu_quota(const std::string& root) {
  const fs::path mount = root + "/sys/fs/cgroup";
  std::optional<double> quota;
  std::ifstream groups(root + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // ID:CONTROLLERS:PATH
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    const auto v1 = [&](const fs::path& folder) { read_v1(folder, quota); };
    const auto v2 = [&](const fs::path& folder) { read_v2(folder, quota); };
    if (controllers.empty()) {
      walk_up(mount, path, v2);
      walk_up(mount / "unified", path, v2);
    } else if (names_cpu(controllers)) {
      walk_up(mount / controllers, path, v1);
      if (controllers != "cpu") walk_up(mount / "cpu", path, v1);
    }
  }
  return quota;
}

int physical_cores(const std::vector<int>& cpus, const std::string& root) {
  std::set<std::string> cores;
  for (const int cpu : cpus) {
    const std::string name = "cpu" + std::to_string(cpu);
    const std::string siblings =
        first_line(root + "/sys/devices/system/cpu/" + name + "/topology/thread_siblings_list");
    cores.insert(siblings.empty() ? name : siblings);
  }
  return std::max(1, static_cast<int>(cores.size()));
}

int limit_cores(int cores, std::optional<double> quota) {
  if (!quota) return cores;
  // Rounded first: a quota of 2 may read 1.9999.
  return std::max(1, std::min(cores, static_cast<int>(std::floor(*quota + 0.01))));
}

Cores find_cores() {
  const std::vector<int> cpus = allowed_cpus();
  const int cores = physical_cores(cpus);
  const int usable = limit_cores(cores, cpu_quota());
  const bool all_cpus = static_cast<long>(cpus.size()) >= sysconf(_SC_NPROCESSORS_ONLN);
  return {usable, all_cpus && usable == cores};
}

}  // namespace resnext::launcher
