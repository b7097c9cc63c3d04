#pragma once
// A submitted array as files, so that a driver that starts anew knows what is in the queue.

#include <string>
#include <vector>

#include "ablations/plan.h"

namespace resnext::ablations {

/// Which runs an array has, by task number. It is known by its script, not by its job's id: a
/// driver may be killed before it is told that.
struct SlurmArray {
  std::string script;                ///< absolute path
  std::string record;                ///< the file that says which
  std::vector<std::string> folders;  ///< of the runs
};

/// Those of the plan's table whose records are in its folder.
std::vector<SlurmArray> read_arrays(const Plan& plan);

/// Writes the tasks' scripts, the array's, and its record. A task appends to its run's log, hands
/// SIGTERM on, and leaves its exit code beside the log.
SlurmArray write_array(const Plan& plan, const std::vector<const PlannedRun*>& runs,
                       const std::vector<std::string>& launch);

/// What a task that is over left as its exit code; -1 where it left none.
int left_exit_code(const PlannedRun& run);

}  // namespace resnext::ablations
