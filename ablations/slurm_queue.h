#pragma once
// Slurm's own programs: sbatch, squeue.

#include <map>
#include <string>
#include <vector>

namespace resnext::ablations {

/// Submits an array of `tasks` tasks, numbered from 0, that each run `script`. Returns its job id.
/// `options` are more options of sbatch. Throws std::runtime_error in sbatch's words.
std::string submit_array(const std::string& name, const std::string& script, std::size_t tasks,
                         const std::vector<std::string>& options);

/// State of each task of an array that is in the queue, by number: "PENDING", "RUNNING", … Empty
/// when the job is over. Throws std::runtime_error when squeue cannot tell.
std::map<int, std::string> queued_tasks(const std::string& job);

}  // namespace resnext::ablations
