#pragma once
// How many cores this process may use: its CPU affinity, cut down by a container's CPU quota.

#include <optional>
#include <string>
#include <vector>

namespace resnext::launcher {

struct Cores {
  int usable = 1;              ///< physical cores, at least 1; two hardware threads are one core
  bool whole_machine = false;  ///< affinity covers every online CPU and no quota cuts them down
};

/// What this process may use now.
Cores find_cores();

/// The tightest CPU quota of the process's control groups and their parents, in CPUs (1.5 is one
/// and a half), from cgroup v2 (`cpu.max`) or v1 (`cpu.cfs_quota_us`). nullopt when there is none.
/// `root` stands before /proc and /sys; tests give a folder of their own.
std::optional<double> cpu_quota(const std::string& root = "");

/// Distinct physical cores among the logical CPUs `cpus`; each counts as one where the kernel does
/// not tell. `root` as above.
int physical_cores(const std::vector<int>& cpus, const std::string& root = "");

/// Cores left of `cores` under `quota`: its whole part, at least 1.
int limit_cores(int cores, std::optional<double> quota);

}  // namespace resnext::launcher
