#pragma once
// Who can take a value's gradient while it is being computed: a layer that ends in batch-norm needs
// sums of it, which then cost no pass over memory of their own.

#include "net/cpu/layer.h"

namespace resnext::net::cpu {

class GradientSink {
 public:
  GradientSink() = default;
  GradientSink(const GradientSink&) = delete;
  GradientSink& operator=(const GradientSink&) = delete;
  virtual ~GradientSink() = default;

  /// Agreed while the backward pass is planned, in which it is computed at the builder's present
  /// time: the gradient comes through gradient_output().
  virtual void take_gradient(Builder& builder) = 0;

  /// Before the gradient is computed.
  virtual void begin_gradient() = 0;
  /// What thread `thread` does with it; values and addend are the caller's to fill in.
  virtual CorrelationOutput gradient_output(int thread) = 0;
  /// Maps of activations that this reads.
  virtual int values_read() const = 0;
};

}  // namespace resnext::net::cpu
