#pragma once
// Values that are not kept from the forward pass to the backward one: the sums at the ends of
// blocks are a quarter of all activations, and each costs but a pass over memory to compute again.

#include "net/cpu/layer.h"

namespace resnext::net::cpu {

class Recomputed {
 public:
  Recomputed() = default;
  Recomputed(const Recomputed&) = delete;
  Recomputed& operator=(const Recomputed&) = delete;
  virtual ~Recomputed() = default;

  /// How many others, one from the other, are computed before it.
  virtual int others_before() const { return 0; }

  /// Plans to compute the value once more at the builder's present time, into the buffer returned.
  virtual BufferId plan_recomputation(Builder& builder) = 0;

  /// Computes it; called before the backward pass of the layer that planned it.
  virtual void recompute(Run& run) = 0;
};

/// All in a row are in memory at once when the last one is needed: one more is kept.
inline constexpr int kMostRecomputedInARow = 4;

}  // namespace resnext::net::cpu
