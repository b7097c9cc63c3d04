#include "launcher/slurm_allocation.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <sstream>

#include <fmt/format.h>

#include "cli/comma_list.h"
#include "cli/program.h"
#include "launcher/mpirun_line.h"

namespace resnext::launcher {
namespace {

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// "node[1-2],login" → node1, node2, login: in Slurm's own words.
std::vector<std::string> node_names(const std::string& list) {
  const std::string command = shell_line({"scontrol", "show", "hostnames", list}) + " 2>/dev/null";
  std::string answer;
  if (const std::unique_ptr<FILE, int (*)(FILE*)> pipe{popen(command.c_str(), "r"), pclose}) {
    for (int letter = 0; (letter = std::fgetc(pipe.get())) != EOF;) answer += char(letter);
  }
  std::vector<std::string> names;
  std::istringstream words(answer);
  for (std::string name; words >> name;) names.push_back(name);
  return names;
}

std::vector<Host> hosts_of_job(const std::string& job, const Cores& here) {
  const std::string list = variable("SLURM_JOB_NODELIST");
  const std::vector<std::string> names = node_names(list);
  const std::vector<int> cpus = numbers_by_node(variable("SLURM_JOB_CPUS_PER_NODE"));
  if (names.empty() || names.size() != cpus.size()) {
    throw cli::UsageError(fmt::format(
        "Slurm job {}: `scontrol show hostnames` does not name the nodes of '{}'; give --hosts",
        job, list));
  }
  const bool in_job =
      !variable("SLURMD_NODENAME").empty();  // not on the machine salloc was called on
  if (names.size() == 1 && in_job) return {Host{"", std::min(here.usable, cpus.front())}};
  std::vector<Host> hosts;
  const bool counts_threads = in_job && cpus.front() > here.usable;
  for (std::size_t node = 0; node < names.size(); ++node) {
    const int cores = counts_threads ? cpus[node] * here.usable / cpus.front() : cpus[node];
    hosts.push_back({names[node], std::max(1, cores)});
  }
  return hosts;
}

}  // namespace

std::vector<int> numbers_by_node(const std::string& list) {
  std::vector<int> numbers;
  for (const std::string& item : cli::split_at_commas(list)) {
    int number = 0;
    int nodes = 1;
    if (std::sscanf(item.c_str(), "%d(x%d)", &number, &nodes) < 1 || number < 1 || nodes < 1) {
      return {};
    }
    numbers.insert(numbers.end(), static_cast<std::size_t>(nodes), number);
  }
  return numbers;
}

std::optional<SlurmAllocation> slurm_allocation(const Cores& here) {
  const std::string job = variable("SLURM_JOB_ID");
  if (job.empty()) return std::nullopt;
  const std::vector<int> tasks = numbers_by_node(variable("SLURM_TASKS_PER_NODE"));
  return SlurmAllocation{job, hosts_of_job(job, here), tasks.empty() ? 1 : tasks.front()};
}

}  // namespace resnext::launcher
