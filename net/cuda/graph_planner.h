#pragma once
// Asks cuDNN, in a child process that may crash, how it would compute tensor graphs on a GPU that
// is not here.

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "net/cuda/tensor_graph.h"
#include "net/precision.h"

namespace resnext::net::cuda {

struct PlannedGraph {
  std::string engine;  ///< e.g. "engine 22, tensor cores"; empty: there is no plan
  std::size_t workspace = 0;
  std::string why_not;
  double seconds = 0;  ///< that planning took

  bool is_supported() const { return !engine.empty(); }
};

struct PlannerOptions {
  std::filesystem::path program;  ///< resnext-plan-graphs
  std::string device_json;        ///< cuDNN's properties of the device
  Precision precision = Precision::kBf16;
  bool deterministic = true;
  std::size_t workspace_limit = std::size_t(1) << 30;
  int threads = 1;
};

struct PlannedGraphs {
  std::vector<PlannedGraph> graphs;  ///< in the order asked
  std::string cudnn;                 ///< version, e.g. "9.19.0"
};

/// Throws std::runtime_error where the planner cannot be run at all (no cuDNN, a device that cuDNN
/// does not take). A graph that makes cuDNN crash has no plan, and says so.
PlannedGraphs plan_graphs(std::span<const TensorGraph> graphs, const PlannerOptions& options);

/// A device file (net/devices) of the GPU at hand, as the planner `program` reads it. Throws
/// std::runtime_error where there is no GPU, or the planner cannot be run.
std::string describe_present_gpu(const std::filesystem::path& program);

/// Where a program in `program_folder` finds the planner; nothing in a build without CUDA.
std::optional<std::filesystem::path> find_planner(const std::filesystem::path& program_folder);

}  // namespace resnext::net::cuda
