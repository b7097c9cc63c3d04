#pragma once
// Every plan once: from memory, from a folder of earlier runs, or newly made, several at a time.

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "net/cuda/execution_plan.h"

namespace resnext::net::cuda {

class PlanStore {
 public:
  /// `device`: what tells kinds of GPU apart, e.g. name and compute capability. `folder`: where
  /// plans are kept; empty: nowhere. What cannot be read or written there costs time, not the run.
  PlanStore(cudnnHandle_t handle, std::string device, const PlanPolicy& policy, std::string folder);

  /// A plan for each graph. Throws std::runtime_error for the first that has none.
  std::vector<std::shared_ptr<const ExecutionPlan>> plans(std::span<const TensorGraph> graphs);

  /// How many plans were made anew, and how many came from the folder.
  int made() const { return made_; }
  int restored() const { return restored_; }

  /// Bytes, of any plan so far.
  std::size_t largest_workspace() const;

 private:
  std::string key(const TensorGraph& graph) const;
  std::string file(const std::string& key) const;
  std::string read(const std::string& key) const;
  void write(const std::string& key, const std::string& plan) const;
  bool restore(const TensorGraph& graph, const std::string& key);
  void make(std::span<const TensorGraph* const> graphs);

  cudnnHandle_t handle_;
  std::string device_;
  PlanPolicy policy_;
  std::string folder_;
  std::map<std::string, std::shared_ptr<const ExecutionPlan>> plans_;  ///< by key
  int made_ = 0, restored_ = 0;
};

}  // namespace resnext::net::cuda
