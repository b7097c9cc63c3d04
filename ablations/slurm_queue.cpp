#include "ablations/slurm_queue.h"

#include <cstdio>
#include <sstream>
#include <stdexcept>

#include <fmt/format.h>

#include "ablations/child_process.h"

namespace resnext::ablations {

std::string submit_array(const std::string& name, const std::string& script, std::size_t tasks,
                         const std::vector<std::string>& options) {
  std::vector<std::string> line{"sbatch", "--parsable", "--job-name=resnext-" + name};
  line.insert(line.end(), options.begin(), options.end());
  line.push_back(fmt::format("--array=0-{}", tasks - 1));
  line.push_back(script);
  std::string answer = capture(line);  // JOB, or JOB;CLUSTER
  answer = answer.substr(0, answer.find_first_of(";\n"));
  if (answer.empty() || answer.find_first_not_of("0123456789") != std::string::npos) {
    throw std::runtime_error(fmt::format("sbatch --parsable answered '{}', no job id", answer));
  }
  return answer;
}

std::map<int, std::string> queued_tasks(const std::string& job) {
  std::string answer;
  try {
    answer = capture({"squeue", "--noheader", "--array", "--jobs=" + job, "--format=%i %T"});
  } catch (const std::runtime_error& error) {
    // So it says of a job that has been over for a while.
    if (std::string(error.what()).find("Invalid job id") != std::string::npos) return {};
    throw;
  }
  std::map<int, std::string> tasks;
  std::istringstream lines(answer);
  for (std::string id, state; lines >> id >> state;) {  // "JOB_TASK STATE"
    int task = 0;
    const auto mark = id.find('_');
    if (mark == std::string::npos || std::sscanf(id.c_str() + mark + 1, "%d", &task) != 1) continue;
    if (state == "PENDING" || state == "RUNNING" || state == "CONFIGURING" ||
        state == "COMPLETING" || state == "SUSPENDED" || state == "REQUEUED") {
      tasks[task] = state;
    }
  }
  return tasks;
}

}  // namespace resnext::ablations
