#pragma once
// A correlation (see kernels/correlation.h) with its weights, shared out among threads.

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

  const KernelSet* kernels_ = nullptr;
  CorrelationPlan plan_;
  int threads_ = 1;
  const float* weights_ = nullptr;
  std::byte* workspaces_ = nullptr;
  std::size_t workspace_bytes_ = 0;  ///< from one thread's to the next one's
};

/// Bytes of one thread's workspace.
std::size_t workspace_bytes(const CorrelationPlan& plan);

}  // namespace resnext::net::cpu
