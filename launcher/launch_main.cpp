// resnext-launch: places the ranks of a training run, shows the mpirun line, runs and supervises
// it.

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <sstream>

#include <fmt/format.h>
#include <unistd.h>

#include "cli/program.h"
#include "launcher/cores.h"
#include "launcher/gpus.h"
#include "launcher/hosts.h"
#include "launcher/mpirun_line.h"
#include "launcher/placement.h"
#include "launcher/probe.h"
#include "launcher/programs.h"
#include "launcher/slurm_allocation.h"
#include "launcher/supervise.h"
#include "launcher/worker_options.h"

namespace resnext::launcher {
namespace {
namespace po = boost::program_options;

/// The worker's own default; placement without --replicas supposes it.
constexpr int kDefaultReplicas = 8;

constexpr const char* kUsage =
    "Usage: resnext-launch [-n N] [--hosts HOST[:SLOTS],...] [--threads T] -- WORKER OPTIONS\n"
    "Starts resnext-worker under mpirun on the cores there are, and shows the mpirun line.\n"
    "Ctrl-C or SIGTERM lets the workers write a checkpoint; a second one kills them.\n";

po::options_description launcher_options() {
  po::options_description options("Options");
  auto add = options.add_options();
  add("ranks,n", po::value<int>()->value_name("N"),
      "ranks to start, even beyond the cores; default: as many as have a GPU each (a core each, "
      "where there are none or with --device cpu) and suit the worker's --replicas");
  add("hosts", po::value<std::string>()->value_name("HOST[:SLOTS],..."),
      "hosts to run on; SLOTS is the cores to use there (default: as many as here); without it "
      "this machine, or the nodes of the Slurm job around it");
  add("hostfile", po::value<std::string>()->value_name("FILE"),
      "likewise from a file with lines 'HOST slots=N'");
  add("threads", po::value<int>()->value_name("T"),
      "threads in each rank; default: the cores shared among the ranks");
  add("patience", po::value<int>()->default_value(120)->value_name("SECONDS"),
      "time for a checkpoint after Ctrl-C or SIGTERM, before the workers are killed");
  add("worker", po::value<std::string>()->default_value("")->value_name("PATH"),
      "the worker program; default: resnext-worker beside this program, then in PATH");
  add("dry-run", po::bool_switch(), "only print the mpirun line");
  add("help,h", po::bool_switch(), "this text");
  return options;
}

struct Split {
  std::vector<std::string> launcher;
  std::vector<std::string> worker;
};

/// At the first `--`. mpirun's habitual -np is taken as -n.
Split split_arguments(const std::vector<std::string>& arguments) {
  const auto dashes = std::find(arguments.begin(), arguments.end(), "--");
  Split split{{arguments.begin(), dashes}, {}};
  if (dashes != arguments.end()) split.worker.assign(dashes + 1, arguments.end());
  std::replace(split.launcher.begin(), split.launcher.end(), std::string("-np"), std::string("-n"));
  return split;
}

std::optional<int> positive(const po::variables_map& values, const char* name) {
  if (values.count(name) == 0) return std::nullopt;
  const int value = values[name].as<int>();
  if (value < 1)
    throw cli::UsageError(fmt::format("--{}: must be at least 1, not {}", name, value));
  return value;
}

std::optional<int> choose_threads(const po::variables_map& values,
                                  const std::vector<std::string>& worker_options) {
  const auto ours = positive(values, "threads");
  const auto theirs = worker_count(worker_options, "threads");
  if (ours && theirs && *ours != *theirs) {
    throw cli::UsageError(fmt::format(
        "--threads: {} for the launcher but {} in the worker's options; give one", *ours, *theirs));
  }
  return ours ? ours : theirs;
}

std::vector<Host> choose_hosts(const po::variables_map& values, const Cores& cores,
                               const std::optional<SlurmAllocation>& slurm) {
  if (values.count("hosts") != 0 && values.count("hostfile") != 0) {
    throw cli::UsageError("--hosts and --hostfile: give one of them");
  }
  if (values.count("hosts") != 0)
    return parse_hosts(values["hosts"].as<std::string>(), cores.usable);
  if (values.count("hostfile") != 0) {
    return read_hostfile(values["hostfile"].as<std::string>(), cores.usable);
  }
  return slurm ? slurm->hosts : std::vector<Host>{Host{"", cores.usable}};
}

/// On each host, if the worker may use them.
int choose_gpus(const std::vector<std::string>& worker_options) {
  return worker_option(worker_options, "device").value_or("auto") == "cpu" ? 0 : count_gpus();
}

/// GPUs leave the cores of a rank to decoding.
void add_threads(const Placement& placement, bool on_gpus, std::vector<std::string>& options) {
  const char* const name = on_gpus ? "decode-threads" : "threads";
  if (worker_option(options, name)) return;
  options.insert(options.end(), {fmt::format("--{}", name), std::to_string(placement.threads)});
}

std::string describe(const Placement& placement, const std::vector<Host>& hosts, bool on_gpus) {
  const int cores = std::accumulate(hosts.begin(), hosts.end(), 0,
                                    [](int sum, const Host& host) { return sum + host.cores; });
  const auto count = [](int n, const char* what) {
    return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
  };
  const std::string each =
      on_gpus ? fmt::format("(1 GPU, {})", count(placement.threads, "decoding thread"))
              : count(placement.threads, "thread");
  return fmt::format("{} x {} on {}{}", count(placement.ranks, "rank"), each, count(cores, "core"),
                     placement.oversubscribed ? ", oversubscribed" : "");
}

void report(const Outcome& outcome) {
  std::string text;
  for (const std::string& finding : outcome.findings) {
    text += (text.empty() ? "" : "; ") + finding;
  }
  if (!text.empty()) {
    fmt::print(stderr, "resnext-launch: {}: {}\n", outcome.exit_code == 0 ? "warning" : "error",
               text);
  } else if (outcome.exit_code > 128 && !outcome.stopped_by_user) {
    const int signal = outcome.exit_code - 128;
    fmt::print(stderr, "resnext-launch: error: a worker was killed by signal {} ({}){}\n", signal,
               strsignal(signal), signal == SIGKILL ? "; was it out of memory?" : "");
  }
}

int launch(const std::vector<std::string>& arguments) {
  Split split = split_arguments(arguments);
  const po::options_description options = launcher_options();
  const po::variables_map values = cli::parse_command_line(split.launcher, options);
  if (values["help"].as<bool>()) {
    std::ostringstream text;
    text << kUsage << options;
    fmt::print("{}", text.str());
    return cli::kSuccess;
  }
  const Cores cores = find_cores();
  PlacementRequest request;
  const bool named = values.count("hosts") != 0 || values.count("hostfile") != 0;
  const auto slurm = named ? std::nullopt : slurm_allocation(cores);
  request.hosts = choose_hosts(values, cores, slurm);
  request.ranks = positive(values, "ranks");
  request.gpus = choose_gpus(split.worker);
  request.threads = choose_threads(values, split.worker);
  request.replicas = worker_count(split.worker, "replicas").value_or(kDefaultReplicas);
  request.accumulate = worker_count(split.worker, "accumulate").value_or(1);
  request.exact = worker_option(split.worker, "reduce").value_or("exact") != "fast";
  const auto patience = positive(values, "patience");
  const Placement placement = place(request);
  add_threads(placement, request.gpus > 0, split.worker);

  MpirunSettings settings;
  settings.mpirun = find_mpirun();
  settings.as_root = geteuid() == 0;
  // In a part of the machine, which cores are the job's is for Slurm to say.
  const bool all_ours =
      !slurm || (slurm->tasks >= placement.ranks && request.hosts.front().cores == cores.usable);
  settings.bind = request.gpus == 0 && all_ours &&
                  should_bind(placement, request.hosts, cores.whole_machine) && may_bind();
  settings.peer_memory_readable = may_read_peer_memory();
  const std::vector<std::string> line =
      mpirun_line(settings, placement, request.hosts,
                  find_worker(values["worker"].as<std::string>()), split.worker);
  if (values["dry-run"].as<bool>()) {
    fmt::print("{}\n", shell_line(line));
    return cli::kSuccess;
  }
  fmt::print(stderr, "resnext-launch: {}{}\n{}\n",
             describe(placement, request.hosts, request.gpus > 0),
             slurm ? " of Slurm job " + slurm->job : "", shell_line(line));
  const Outcome outcome = supervise(line, std::chrono::seconds(*patience));
  report(outcome);
  return outcome.exit_code;
}

}  // namespace
}  // namespace resnext::launcher

int main(int argc, char** argv) {
  return resnext::cli::run_program("resnext-launch", argc, argv, resnext::launcher::launch);
}
