#include "ablations/slots.h"

#include <fstream>

#include <fmt/format.h>
#include <sched.h>

#include "cli/comma_list.h"
#include "cli/program.h"
#include "launcher/cores.h"

namespace resnext::ablations {
namespace {

/// The half-open range of `items` that share `index` of `shares` gets.
template <typename T>
std::vector<T> share(const std::vector<T>& items, std::size_t index, std::size_t shares) {
  const auto at = [&](std::size_t i) {
    return items.begin() + static_cast<std::ptrdiff_t>(items.size() * i / shares);
  };
  return {at(index), at(index + 1)};
}

void require_enough(std::size_t things, int jobs, const char* what) {
  if (things >= static_cast<std::size_t>(jobs)) return;
  throw cli::UsageError(fmt::format(
      "--jobs: {} runs at once would share {} {}; at most one run for each", jobs, things, what));
}

std::vector<std::string> visible_gpus(int count) {
  const char* shown = std::getenv("CUDA_VISIBLE_DEVICES");
  if (shown != nullptr) return cli::split_at_commas(shown);
  std::vector<std::string> names;
  for (int gpu = 0; gpu < count; ++gpu) names.push_back(std::to_string(gpu));
  return names;
}

}  // namespace

std::vector<std::vector<int>> usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return {{0}};
  std::map<std::string, std::vector<int>> cores;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(static_cast<unsigned>(cpu), &set)) continue;
    std::ifstream file(
        fmt::format("/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list", cpu));
    std::string siblings;
    std::getline(file, siblings);
    cores[siblings.empty() ? fmt::format("cpu{}", cpu) : siblings].push_back(cpu);
  }
  std::map<int, std::vector<int>> by_first;
  for (auto& [name, cpus] : cores) by_first[cpus.front()] = std::move(cpus);
  std::vector<std::vector<int>> found;
  for (auto& [first, cpus] : by_first) found.push_back(std::move(cpus));
  const auto usable = static_cast<std::size_t>(launcher::find_cores().usable);  // a quota's
  if (found.size() > usable) found.resize(usable);
  return found;
}

std::vector<Slot> share_machine(int jobs, const std::vector<std::vector<int>>& cores, int gpus) {
  require_enough(cores.size(), jobs, cores.size() == 1 ? "core" : "cores");
  const std::vector<std::string> names = gpus > 0 ? visible_gpus(gpus) : std::vector<std::string>{};
  if (gpus > 0) require_enough(names.size(), jobs, "GPUs");
  std::vector<Slot> slots;
  for (int job = 0; job < jobs; ++job) {
    const auto index = static_cast<std::size_t>(job);
    Slot slot;
    if (jobs > 1) {
      for (const auto& core : share(cores, index, static_cast<std::size_t>(jobs))) {
        slot.cpus.insert(slot.cpus.end(), core.begin(), core.end());
      }
      if (gpus > 0) {
        slot.environment["CUDA_VISIBLE_DEVICES"] =
            fmt::format("{}", fmt::join(share(names, index, static_cast<std::size_t>(jobs)), ","));
      }
    }
    slots.push_back(std::move(slot));
  }
  return slots;
}

std::vector<Slot> share_hosts(int jobs, const std::string& hosts) {
  const std::vector<std::string> names = cli::split_at_commas(hosts);
  require_enough(names.size(), jobs, "hosts");
  std::vector<Slot> slots;
  for (int job = 0; job < jobs; ++job) {
    const auto mine = share(names, static_cast<std::size_t>(job), static_cast<std::size_t>(jobs));
    slots.push_back({{}, {}, {"--hosts", fmt::format("{}", fmt::join(mine, ","))}});
  }
  return slots;
}

}  // namespace resnext::ablations
