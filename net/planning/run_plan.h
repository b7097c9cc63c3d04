#pragma once
// Whether a training run would work on a GPU that is not here: cuDNN's plan for every tensor graph,
// memory against what the GPU has, and the least time that a step can take.

#include <string>
#include <vector>

#include "net/cuda/graph_planner.h"
#include "net/cuda/memory_needs.h"
#include "net/devices/device.h"
#include "net/graph.h"
#include "net/planning/distinct_graphs.h"
#include "net/planning/own_kernels.h"

namespace resnext::net {

struct RunRequest {
  Graph graph;
  DeviceDescription device;
  Precision precision = Precision::kBf16;
  int batch_per_replica = 32;
  int replicas = 1;
  int ranks = 1;       ///< one GPU each; they share the replicas evenly
  int accumulate = 1;  ///< batches of a replica in a step

  cuda::DataType type() const;
  int local_batches() const { return replicas * accumulate / ranks; }
  cuda::TrainingShape shape() const { return {batch_per_replica, type(), local_batches(), ranks}; }
};

struct GraphPlan {
  DistinctGraph graph;
  cuda::PlannedGraph plan;
};

/// Bounds: no run is faster. Traffic between GPUs is not counted.
struct LeastTimes {
  double training_step = 0;   ///< s; a rank's batches and the update
  double inference_pass = 0;  ///< s; one batch
};

struct RunPlan {
  RunRequest request;
  std::vector<GraphPlan> graphs;
  std::vector<OwnKernel> own_kernels;
  std::string cudnn;            ///< version that planned
  double planning_seconds = 0;  ///< wall time of all plans
  cuda::MemoryNeeds memory;
  /// That fits with this batch's workspace; 0: not even one image.
  int largest_batch = 0;
  LeastTimes least_times;

  std::size_t available_bytes() const {
    return static_cast<std::size_t>(request.device.figures.memory_bytes);
  }
  bool is_supported() const;
  bool fits() const { return memory.total() <= available_bytes(); }
  /// One line: what is wrong and what to do; empty where the run would work.
  std::string why_not() const;

  /// Images that a GPU sees in a training step.
  int images_per_step() const { return request.batch_per_replica * request.local_batches(); }
};

/// Plans with the program `planner`, one thread a core. Throws as plan_graphs() does, and
/// std::invalid_argument for a device that cannot be planned for.
RunPlan plan_run(const RunRequest& request, const std::filesystem::path& planner);

}  // namespace resnext::net
