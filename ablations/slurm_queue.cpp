#include "ablations/slurm_queue.h"

#include <cstdio>
#include <sstream>

#include <fmt/format.h>

#include "ablations/child_process.h"

namespace resnext::ablations {

void submit_array(const std::string& job_name, const std::string& script, std::size_t tasks,
                  const std::vector<std::string>& options) {
  std::vector<std::string> line{"sbatch", "--job-name=" + job_name};
  line.insert(line.end(), options.begin(), options.end());
  line.push_back(fmt::format("--array=0-{}", tasks - 1));
  line.push_back(script);
  capture(line);
}

std::map<SlurmTask, std::string> queued_tasks() {
  std::map<SlurmTask, std::string> tasks;
  std::istringstream lines(
      capture({"squeue", "--me", "--noheader", "--array", "--format=%i %T %o"}));
  for (std::string id, state, script;
       lines >> id >> state && std::getline(lines >> std::ws, script);) {
    int task = 0;  // "JOB_TASK STATE SCRIPT"
    const auto mark = id.find('_');
    if (mark == std::string::npos || std::sscanf(id.c_str() + mark + 1, "%d", &task) != 1) continue;
    if (state == "PENDING" || state == "RUNNING" || state == "CONFIGURING" ||
        state == "COMPLETING" || state == "SUSPENDED" || state == "REQUEUED") {
      tasks[{script, task}] = state;
    }
  }
  return tasks;
}

}  // namespace resnext::ablations
