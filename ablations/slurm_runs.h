#pragma once
// Trains a plan's runs as a Slurm job array: one array a table, one task a run.

#include <functional>
#include <string>
#include <vector>

#include "ablations/local_runs.h"
#include "ablations/plan.h"
#include "ablations/stop_requests.h"

namespace resnext::ablations {

struct SlurmSettings {
  std::string options;              ///< of sbatch, as a shell would split them
  std::vector<std::string> launch;  ///< resnext-launch's line up to the worker's options
};

/// By which sbatch, squeue and scancel know the table's arrays.
std::string slurm_job_name(const Plan& plan);

/// Submits those of `waiting` that no array of an earlier call has in the queue, and follows all of
/// them by squeue. A stop request ends the following, not the tasks: the next call follows them
/// again. Returns whether it came to the end. Throws std::runtime_error in sbatch's words.
bool run_by_slurm(const Plan& plan, const std::vector<const PlannedRun*>& waiting,
                  const SlurmSettings& settings, StopRequests& stop, const RunEvents& events);

}  // namespace resnext::ablations
