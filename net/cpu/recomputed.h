#pragma once
// Values that are not kept from the forward pass to the backward one. Sums at the ends of blocks
// are a third of all activations, and cost a pass over memory each to compute again from what is
// kept.

#include "net/cpu/layer.h"

namespace resnext::net::cpu {

class Recomputed {
 public:
  Recomputed() = default;
  Recomputed(const Recomputed&) = delete;
  Recomputed& operator=(const Recomputed&) = delete;
  virtual ~Recomputed() = default;

  /// Plans to compute the value once more at the builder's present time, into the buffer returned.
  virtual BufferId plan_recomputation(Builder& builder) = 0;

  /// Computes it; called before the backward pass of the layer that planned it.
  virtual void recompute(Run& run) = 0;
};

}  // namespace resnext::net::cpu
