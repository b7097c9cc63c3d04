#include "worker/device/gpu_assignment.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/program.h"

namespace resnext::worker {
namespace {

/// Tensor cores have bfloat16 and TF32 since NVIDIA's Ampere.
constexpr int kTensorFloatCapability = 80;

int least_capability(net::Precision precision) {
  return precision == net::Precision::kFp32 ? net::kLeastComputeCapability : kTensorFloatCapability;
}

std::string dotted(int capability) {
  return fmt::format("{}.{}", capability / 10, capability % 10);
}

/// "GPU 0 (Tesla V100) has compute capability 7.0; 7.5 is the least", for all of a rank's.
std::string why_too_old(const RankView& rank, net::Precision precision) {
  std::vector<std::string> each;
  for (std::size_t gpu = 0; gpu < rank.gpus.size(); ++gpu) {
    each.push_back(fmt::format("GPU {} ({}) has compute capability {}", gpu, rank.gpus[gpu].name,
                               dotted(rank.gpus[gpu].compute_capability)));
  }
  const char* const precision_name = precision == net::Precision::kTf32   ? " for tf32"
                                     : precision == net::Precision::kBf16 ? " for bf16"
                                                                          : "";
  return fmt::format("{}; {} is the least{}", fmt::join(each, ", "),
                     dotted(least_capability(precision)), precision_name);
}

std::vector<int> usable_gpus(const RankView& rank, net::Precision precision) {
  std::vector<int> usable;
  for (int gpu = 0; gpu < static_cast<int>(rank.gpus.size()); ++gpu) {
    if (rank.gpus[gpu].compute_capability >= least_capability(precision)) usable.push_back(gpu);
  }
  return usable;
}

struct RankWithout {
  int rank = 0;
  std::string why;
};

std::vector<RankWithout> ranks_without(std::span<const RankView> ranks, net::Precision precision) {
  std::vector<RankWithout> without;
  for (int rank = 0; rank < static_cast<int>(ranks.size()); ++rank) {
    const RankView& view = ranks[rank];
    if (!usable_gpus(view, precision).empty()) continue;
    without.push_back({rank, view.gpus.empty() ? view.why_none : why_too_old(view, precision)});
  }
  return without;
}

/// In words; the rank and host only where others are better off.
std::string describe(const std::vector<RankWithout>& without, std::span<const RankView> ranks) {
  const RankWithout& first = without.front();
  if (without.size() == ranks.size()) return first.why;
  return fmt::format("rank {} on host {} has no GPU to use: {}", first.rank, ranks[first.rank].host,
                     first.why);
}

/// The GPUs there are on all hosts together, as far as any rank can see and use them.
std::size_t count_gpus(std::span<const RankView> ranks, net::Precision precision,
                       std::optional<int> node = std::nullopt) {
  std::set<std::pair<int, std::string>> distinct;
  for (const RankView& rank : ranks) {
    if (node && rank.node != *node) continue;
    for (const int gpu : usable_gpus(rank, precision)) {
      distinct.emplace(rank.node, rank.gpus[gpu].pci_bus_id);
    }
  }
  return distinct.size();
}

/// Of a rank that finds nothing but GPUs that ranks of its host have; `other` has its first.
[[noreturn]] void refuse_sharing(std::span<const RankView> ranks, net::Precision precision,
                                 int rank, int other, const std::string& bus_id) {
  const RankView& view = ranks[rank];
  const auto on_host = std::count_if(ranks.begin(), ranks.end(),
                                     [&](const RankView& each) { return each.node == view.node; });
  const std::size_t here = count_gpus(ranks, precision, view.node);
  throw cli::UsageError(fmt::format(
      "--device: {} ranks on host {}, but {} GPU{}: ranks {} and {} would share GPU {}; start one "
      "rank per GPU (mpirun -np {} …), or use --device cpu",
      on_host, view.host, here, here == 1 ? "" : "s", other, rank, bus_id,
      count_gpus(ranks, precision)));
}

std::vector<int> take_in_order(std::span<const RankView> ranks, net::Precision precision) {
  std::map<std::pair<int, std::string>, int> taken;  // by node and bus: the rank
  std::vector<int> gpus;
  for (int rank = 0; rank < static_cast<int>(ranks.size()); ++rank) {
    const RankView& view = ranks[rank];
    const std::vector<int> usable = usable_gpus(view, precision);
    const auto key = [&](int gpu) { return std::pair(view.node, view.gpus[gpu].pci_bus_id); };
    const auto free = std::find_if(usable.begin(), usable.end(),
                                   [&](int gpu) { return !taken.contains(key(gpu)); });
    if (free == usable.end()) {
      const int first = usable.front();
      refuse_sharing(ranks, precision, rank, taken.at(key(first)), view.gpus[first].pci_bus_id);
    }
    taken.emplace(key(*free), rank);
    gpus.push_back(*free);
  }
  return gpus;
}

/// A note where not all GPUs are of one model: the slowest sets the pace, and bits may differ from
/// those of another mixture.
std::optional<std::string> note_mixed(std::span<const RankView> ranks,
                                      const std::vector<int>& gpus) {
  std::map<std::string, int> models;
  for (std::size_t rank = 0; rank < ranks.size(); ++rank)
    ++models[ranks[rank].gpus[gpus[rank]].name];
  if (models.size() == 1) return std::nullopt;
  std::vector<std::string> each;
  for (const auto& [name, count] : models) each.push_back(fmt::format("{} x {}", count, name));
  return fmt::format(
      "note: GPUs of several models ({}): the slowest sets the pace, and which rank "
      "has which may change the last bits",
      fmt::join(each, ", "));
}

}  // namespace

GpuAssignment assign_gpus(const GpuRequest& request, std::span<const RankView> ranks) {
  const std::vector<RankWithout> without = ranks_without(ranks, request.precision);
  if (!without.empty()) {
    const std::string why = describe(without, ranks);
    if (request.required) throw cli::UsageError(fmt::format("--device cuda: {}", why));
    const bool surprise = std::any_of(ranks.begin(), ranks.end(),
                                      [](const RankView& rank) { return rank.gpus_expected; });
    return {{}, why, surprise, {}};
  }
  GpuAssignment assignment;
  assignment.gpus = take_in_order(ranks, request.precision);
  if (const auto note = note_mixed(ranks, assignment.gpus)) assignment.notes.push_back(*note);
  return assignment;
}

}  // namespace resnext::worker
