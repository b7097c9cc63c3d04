#pragma once
// Which GPU each rank takes: a pure function of what all ranks see, so that all come to the same
// answer, or the same refusal.

#include <span>
#include <string>
#include <vector>

#include "net/cuda_plugin.h"

namespace resnext::worker {

/// What one rank finds on its host.
struct RankView {
  int node = 0;  ///< a number that the ranks of one host share, and no others
  std::string host;
  std::vector<net::Gpu> gpus;
  std::string why_none;        ///< where there are none
  bool gpus_expected = false;  ///< there is a plugin or a driver: having no GPU is worth a word
};

struct GpuRequest {
  bool required = false;  ///< --device cuda; else auto
  net::Precision precision = net::Precision::kFp32;
};

struct GpuAssignment {
  std::vector<int> gpus;           ///< by rank, index into its view's; empty: all use the CPU
  std::string why_cpu;             ///< then
  bool cpu_is_a_surprise = false;  ///< then: somebody might have expected otherwise
  std::vector<std::string> notes;  ///< for people
};

/// The ranks of a host take its GPUs in order, each the first that no rank before it has, of those
/// able to compute in the precision. Where some rank has none, all use the CPU. Throws
/// cli::UsageError that says what to do: GPUs that are required and missing, hosts with more ranks
/// than GPUs.
GpuAssignment assign_gpus(const GpuRequest& request, std::span<const RankView> ranks);

}  // namespace resnext::worker
