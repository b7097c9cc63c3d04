#pragma once
// The nodes and CPUs that a Slurm job has, for a launcher that runs in one.

#include <optional>
#include <string>
#include <vector>

#include "launcher/cores.h"
#include "launcher/placement.h"

namespace resnext::launcher {

struct SlurmAllocation {
  std::string job;
  std::vector<Host> hosts;  ///< an empty name: the job's only node is this machine
  int tasks = 1;            ///< of the first node: as many slots has Open MPI there
};

/// Of the job whose environment this is (SLURM_JOB_ID and so on); nullopt outside one. Hardware
/// threads that Slurm counts as CPUs are made cores; on the job's only node there are at most those
/// of `here`, which this process may use. Throws cli::UsageError where `scontrol` does not name the
/// job's nodes.
std::optional<SlurmAllocation> slurm_allocation(const Cores& here);

/// Slurm's form for a number of each node: "16(x2),8" → 16, 16, 8. Empty where it is none.
std::vector<int> numbers_by_node(const std::string& list);

}  // namespace resnext::launcher
