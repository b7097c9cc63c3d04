#pragma once
// Slurm's own programs: sbatch, squeue.

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace resnext::ablations {

/// Submits an array of `tasks` tasks, numbered from 0, that each run `script`, an absolute path.
/// `options` are more options of sbatch. Throws std::runtime_error in sbatch's words.
void submit_array(const std::string& job_name, const std::string& script, std::size_t tasks,
                  const std::vector<std::string>& options);

/// An array's script, and the task's number.
using SlurmTask = std::pair<std::string, int>;

/// State of each task of the user's arrays that is in the queue: "PENDING", "RUNNING", … Throws
/// std::runtime_error when squeue cannot tell.
std::map<SlurmTask, std::string> queued_tasks();

}  // namespace resnext::ablations
