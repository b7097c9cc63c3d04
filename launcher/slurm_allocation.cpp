#include "launcher/slurm_allocation.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <map>
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

/// The words that scontrol prints; none where it fails.
std::vector<std::string> scontrol(const std::vector<std::string>& request) {
  std::vector<std::string> line{"scontrol"};
  line.insert(line.end(), request.begin(), request.end());
  const std::string command = shell_line(line) + " 2>/dev/null";
  std::string answer;
  if (const std::unique_ptr<FILE, int (*)(FILE*)> pipe{popen(command.c_str(), "r"), pclose}) {
    for (int letter = 0; (letter = std::fgetc(pipe.get())) != EOF;) answer += char(letter);
  }
  std::istringstream words(answer);
  return {std::istream_iterator<std::string>(words), {}};
}

/// Of each node by its name, how many of the CPUs that Slurm counts make a core: 2 where those are
/// hardware threads.
std::map<std::string, int> cpus_per_core(const std::string& nodes) {
  std::map<std::string, int> counts;
  std::string node;
  for (const std::string& word : scontrol({"show", "nodes", nodes})) {
    if (word.starts_with("NodeName=")) node = word.substr(word.find('=') + 1);
    if (word.starts_with("ThreadsPerCore=")) {
      counts[node] = std::max(1, std::atoi(word.c_str() + word.find('=') + 1));
    }
  }
  return counts;
}

std::vector<Host> hosts_of_job(const std::string& job, const Cores& here) {
  const std::string list = variable("SLURM_JOB_NODELIST");
  // "node[1-2],login" → node1, node2, login
  const std::vector<std::string> names = scontrol({"show", "hostnames", list});
  const std::vector<int> cpus = numbers_by_node(variable("SLURM_JOB_CPUS_PER_NODE"));
  if (names.empty() || names.size() != cpus.size()) {
    throw cli::UsageError(fmt::format(
        "Slurm job {}: `scontrol show hostnames` does not name the nodes of '{}'; give --hosts",
        job, list));
  }
  const std::map<std::string, int> per_core = cpus_per_core(list);
  std::vector<Host> hosts;
  for (std::size_t node = 0; node < names.size(); ++node) {
    const auto count = per_core.find(names[node]);
    const int threads = count == per_core.end() ? 1 : count->second;
    hosts.push_back({names[node], std::max(1, cpus[node] / threads)});
  }
  const bool in_job =
      !variable("SLURMD_NODENAME").empty();  // not on the machine salloc was called on
  if (hosts.size() == 1 && in_job) return {Host{"", std::min(here.usable, hosts.front().cores)}};
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
