#pragma once
// Runs one tensor graph through cuDNN's plan for it, as production code does, on device memory.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <cuda_runtime_api.h>

#include "net/cuda/execution_plan.h"

namespace resnext::standin {

using Values = std::vector<float>;

/// Values in the order of a tensor's dimensions, uniform in [-1, 1) and exact in bf16.
Values random_values(const net::cuda::Dims& dims, unsigned seed);

class PlanOnDevice {
 public:
  /// With `json`, restores the plan.
  explicit PlanOnDevice(const net::cuda::TensorGraph& graph,
                        const std::optional<std::string>& json = std::nullopt);
  PlanOnDevice(const PlanOnDevice&) = delete;
  PlanOnDevice& operator=(const PlanOnDevice&) = delete;
  ~PlanOnDevice();

  /// Of the n-th tensor that is bound to memory; in the order of its dimensions.
  void set(std::size_t bound, const Values& values);
  Values get(std::size_t bound) const;

  /// `workspace`: what to pass instead of a good one. `shift`: bytes that pointers are moved by.
  cudnnStatus_t execute(std::optional<void*> workspace = std::nullopt, std::ptrdiff_t shift = 0);
  const net::cuda::ExecutionPlan& plan() const { return *plan_; }

 private:
  struct Memory {
    int tensor = 0;
    char* start = nullptr;
    std::size_t bytes = 0;
  };
  const net::cuda::TensorDescription& description(std::size_t bound) const;

  net::cuda::TensorGraph graph_;
  cudnnHandle_t handle_ = nullptr;
  std::unique_ptr<net::cuda::ExecutionPlan> plan_;
  std::vector<Memory> memory_;  ///< of bound tensors that are no constants
  void* workspace_ = nullptr;
};

}  // namespace resnext::standin
