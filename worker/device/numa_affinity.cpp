#include "worker/device/numa_affinity.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>

#include <fmt/format.h>
#include <sched.h>

#include "cli/comma_list.h"

namespace resnext::worker {
namespace {

constexpr int kMostCpus =
    8192;  // cpu_set_t has 1,024; the kernel refuses sets smaller than its own

struct FreeCpuSet {
  void operator()(cpu_set_t* set) const { CPU_FREE(set); }
};

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

/// As sysfs has it: lower case, and a domain of four digits where NVIDIA may write eight.
std::string sysfs_name(std::string pci_bus_id) {
  std::transform(pci_bus_id.begin(), pci_bus_id.end(), pci_bus_id.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  if (pci_bus_id.find(':') == 8) pci_bus_id.erase(0, 4);
  return pci_bus_id;
}

int parse_cpu(const std::string& text, const std::string& whole) {
  int cpu = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), cpu);
  if (error != std::errc() || end != text.data() + text.size() || cpu < 0) {
    throw std::invalid_argument(fmt::format("'{}' is no list of CPUs", whole));
  }
  return cpu;
}

}  // namespace

std::vector<int> parse_cpu_list(const std::string& text) {
  std::vector<int> cpus;
  for (const std::string& range : cli::split_at_commas(text)) {
    const std::size_t dash = range.find('-');
    const int first = parse_cpu(range.substr(0, dash), text);
    const int last = dash == std::string::npos ? first : parse_cpu(range.substr(dash + 1), text);
    for (int cpu = first; cpu <= last; ++cpu) cpus.push_back(cpu);
  }
  return cpus;
}

std::vector<int> cpus_near(const std::string& pci_bus_id, const std::string& root) {
  const std::string folder = root + "/sys/bus/pci/devices/" + sysfs_name(pci_bus_id);
  const std::string node = first_line(folder + "/numa_node");
  if (node.empty() || node.starts_with('-')) return {};  // -1: the machine has one memory for all
  try {
    return parse_cpu_list(first_line(folder + "/local_cpulist"));
  } catch (const std::invalid_argument&) {
    return {};
  }
}

std::vector<int> narrowed_affinity(const std::vector<int>& allowed, const std::vector<int>& near) {
  if (allowed.size() < near.size()) return {};
  std::vector<int> both;
  std::set_intersection(allowed.begin(), allowed.end(), near.begin(), near.end(),
                        std::back_inserter(both));
  return both;
}

void keep_near(const std::string& pci_bus_id, const std::string& root) {
  const std::unique_ptr<cpu_set_t, FreeCpuSet> set(CPU_ALLOC(kMostCpus));
  const std::size_t bytes = CPU_ALLOC_SIZE(kMostCpus);
  if (!set || sched_getaffinity(0, bytes, set.get()) != 0) return;
  std::vector<int> allowed;
  for (int cpu = 0; cpu < kMostCpus; ++cpu) {
    if (CPU_ISSET_S(cpu, bytes, set.get())) allowed.push_back(cpu);
  }
  const std::vector<int> kept = narrowed_affinity(allowed, cpus_near(pci_bus_id, root));
  if (kept.empty()) return;
  CPU_ZERO_S(bytes, set.get());
  for (const int cpu : kept) CPU_SET_S(cpu, bytes, set.get());
  sched_setaffinity(0, bytes, set.get());
}

}  // namespace resnext::worker
