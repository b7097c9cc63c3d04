#pragma once
// Chooses cuDNN's way to compute a tensor graph, for a GPU at hand or one that is only described.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/cuda/cudnn_descriptor.h"
#include "net/cuda/operation_graph.h"
#include "net/cuda/tensor_graph.h"

namespace resnext::net::cuda {

/// What plans are for: a GPU's handle, or a description of a device.
struct PlanTarget {
  cudnnHandle_t handle = nullptr;
  const Descriptor* device = nullptr;
};

/// A device as cuDNN's JSON describes it (23 keys; see net/devices). Throws when cuDNN refuses it.
Descriptor describe_device(const std::string& json);

struct PlanPolicy {
  bool deterministic = true;      ///< no engine that adds in an order of its own
  bool tensor_core_fp32 = false;  ///< engines may round fp32 factors to TF32
  std::size_t workspace_limit = std::size_t(1) << 30;

  /// Part of a cached plan's name.
  std::string text() const;
};

class ExecutionPlan {
 public:
  /// Asks cuDNN's heuristics, and takes the first engine that the policy allows and that can be
  /// finalised. Throws std::runtime_error saying why there is none.
  ExecutionPlan(const TensorGraph& graph, const PlanTarget& target, const PlanPolicy& policy);

  /// Restores what json() gave. Throws std::runtime_error where cuDNN will not have it.
  ExecutionPlan(const TensorGraph& graph, const PlanTarget& target, const std::string& json);

  std::size_t workspace_bytes() const { return workspace_bytes_; }
  /// For people, e.g. "engine 22, tensor cores, compiled at run time".
  const std::string& engine() const { return engine_; }
  std::string json() const;

  const Descriptor& descriptor() const { return plan_; }
  /// Values that go with the plan: by-value tensors point here.
  const std::vector<TensorDescription>& tensors() const { return tensors_; }

 private:
  static std::vector<Descriptor> candidates(const OperationGraph& graph, const PlanTarget& target,
                                            cudnnBackendHeurMode_t mode);
  bool try_configuration(const Descriptor& configuration, const PlanTarget& target,
                         const PlanPolicy& policy, std::string& why_not);

  std::vector<TensorDescription> tensors_;
  bool has_fp32_products_ = false;
  OperationGraph graph_;
  Descriptor plan_;
  std::vector<Descriptor> configurations_;  ///< the plan refers to one
  std::size_t workspace_bytes_ = 0;
  std::string engine_;
};

}  // namespace resnext::net::cuda
