#pragma once
// The parts of a machine, or of several, that runs have to themselves.

#include <map>
#include <string>
#include <vector>

namespace resnext::ablations {

/// What one run may use at a time.
struct Slot {
  std::vector<int> cpus;                           ///< of this machine; empty: all
  std::map<std::string, std::string> environment;  ///< e.g. which GPUs
  std::vector<std::string> launch_options;         ///< e.g. which hosts
};

/// This machine's CPUs that this process may use, the hardware threads of a core together: one
/// inner vector for each core.
std::vector<std::vector<int>> usable_cores();

/// `jobs` disjoint shares of the cores, and of the GPUs where there are some; sizes differ by one
/// at most. Throws cli::UsageError when there are fewer of either than jobs.
std::vector<Slot> share_machine(int jobs, const std::vector<std::vector<int>>& cores, int gpus);

/// `jobs` shares of hosts "a:16,b:16", for resnext-launch. Throws cli::UsageError when there are
/// fewer hosts than jobs.
std::vector<Slot> share_hosts(int jobs, const std::string& hosts);

}  // namespace resnext::ablations
