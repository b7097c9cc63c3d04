#include "launcher/mpirun_line.h"

#include <algorithm>

#include <fmt/format.h>

namespace resnext::launcher {
namespace {

bool is_local(const std::vector<Host>& hosts) {
  return hosts.size() == 1 && hosts.front().name.empty();
}

std::string host_list(const Placement& placement, const std::vector<Host>& hosts) {
  std::string list;
  for (std::size_t host = 0; host < hosts.size(); ++host) {
    if (placement.ranks_on_host[host] == 0) continue;
    if (!list.empty()) list += ',';
    list += fmt::format("{}:{}", hosts[host].name, placement.ranks_on_host[host]);
  }
  return list;
}

std::string shell_quote(const std::string& word) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_-+=./:,@%").find(c) != std::string_view::npos;
  };
  if (!word.empty() && std::all_of(word.begin(), word.end(), plain)) return word;
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

}  // namespace

bool should_bind(const Placement& placement, const std::vector<Host>& hosts, bool whole_machine) {
  return whole_machine && is_local(hosts) &&
         placement.ranks * placement.threads == hosts.front().cores;
}

std::vector<std::string> mpirun_line(const MpirunSettings& settings, const Placement& placement,
                                     const std::vector<Host>& hosts, const std::string& worker,
                                     const std::vector<std::string>& worker_options) {
  std::vector<std::string> line{settings.mpirun};
  const auto add = [&line](std::initializer_list<std::string> words) {
    line.insert(line.end(), words);
  };
  if (settings.as_root) add({"--allow-run-as-root"});
  add({"-n", std::to_string(placement.ranks)});
  if (is_local(hosts)) {
    // A machine with no network but loopback makes Open MPI 5.0 complain for each pair of ranks.
    add({"--mca", "btl_tcp_if_include", "lo"});
  } else {
    add({"--host", host_list(placement, hosts)});
  }
  if (settings.bind) {
    add({"--map-by", fmt::format("slot:PE={}", placement.threads), "--bind-to", "core"});
  } else {
    // Slots are counted here, not by Open MPI, which knows neither quotas nor what was asked for.
    add({"--map-by", "slot:oversubscribe", "--bind-to", "none"});
  }
  // Ranks that wait would otherwise spin on the core that another rank needs.
  if (placement.oversubscribed) add({"--mca", "mpi_yield_when_idle", "1"});
  if (!settings.peer_memory_readable) {
    add({"--mca", "btl_vader_single_copy_mechanism", "none"});  // Open MPI 4.1
    add({"--mca", "smsc", "^cma"});                             // Open MPI 5.0
  }
  add({worker});
  line.insert(line.end(), worker_options.begin(), worker_options.end());
  return line;
}

std::string shell_line(const std::vector<std::string>& arguments) {
  std::string line;
  for (const std::string& argument : arguments) {
    if (!line.empty()) line += ' ';
    line += shell_quote(argument);
  }
  return line;
}

}  // namespace resnext::launcher
