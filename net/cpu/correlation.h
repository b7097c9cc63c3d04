#pragma once
// A correlation (see kernels/correlation.h) with its weights, shared out among threads.
//
// In training, weights are packed each time they are needed, into memory of which nothing is left:
// they change with every step, and are in cache then. Inference keeps packed copies (WeightStore).

#include <functional>
#include <string>

#include "net/cpu/layer.h"
#include "net/cpu/packed_weights.h"

namespace resnext::net::cpu {

class Correlation {
 public:
  Correlation() = default;
  Correlation(Builder& builder, int parameter, const WeightPacking& packing);

  void bind(const Placement& placement);

  /// Asks `output` where each thread's results go.
  void run(const Operand& operand, const std::function<CorrelationOutput(int)>& output) const;

  /// Outputs that thread `thread` computes.
  std::size_t pixels(int thread) const;
  std::size_t all_pixels() const;

  /// What computes it, e.g. "avx2 2 vectors x 6 pixels, 2 chunks of 256".
  std::string implementation() const;

 private:
  CorrelationWorkspace workspace(int thread) const;
  const CorrelationPlan& plan() const { return packing_.plan; }

  const KernelSet* kernels_ = nullptr;
  WeightPacking packing_;
  int threads_ = 1;
  int parameter_ = -1;
  const WeightStore* store_ = nullptr;
  const float* kept_ = nullptr;  ///< the store's copy
  BufferId packed_ = -1;         ///< where there is none
  float* packed_values_ = nullptr;
  std::byte* workspaces_ = nullptr;
  std::size_t workspace_bytes_ = 0;  ///< from one thread's to the next one's
};

/// Bytes of one thread's workspace.
std::size_t workspace_bytes(const CorrelationPlan& plan);

}  // namespace resnext::net::cpu
