#pragma once
// Any graph, computed in double precision by the textbook's loops: slow, and written without a look
// at the engines that are compared with it.

#include <functional>
#include <span>
#include <vector>

#include "net/engine.h"
#include "net/graph.h"

namespace resnext::net {

struct ReferencePass {
  std::vector<std::vector<double>> values;  ///< by node: (N, C, H, W)
  double loss_sum = 0;                      ///< over losses and images
  std::vector<double> statistics;           ///< running statistics, moved when training
  std::vector<double> gradients;            ///< of loss_scale * loss_sum, by parameter; training
  /// How near any value came to a point where the function has a kink (a ReLU's input to zero, the
  /// two largest of a pooling window to each other).
  double nearest_kink = 0;
};

/// What a device of less precision rounds when it stores it; all between is computed in double.
struct ReferenceRounding {
  std::function<double(double)> round;
  std::vector<bool> values, gradients;  ///< by node: whether its value, its value's gradient
};

/// Forward with the batch's own statistics, and backward.
ReferencePass reference_training(const Graph& graph, const Normalisation& normalisation,
                                 const Batch& batch, std::span<const double> parameters,
                                 std::span<const double> statistics, double loss_scale,
                                 const ReferenceRounding* rounding = nullptr);

/// Forward with the running statistics; no gradients.
ReferencePass reference_inference(const Graph& graph, const Normalisation& normalisation,
                                  const Batch& batch, std::span<const double> parameters,
                                  std::span<const double> statistics);

}  // namespace resnext::net
