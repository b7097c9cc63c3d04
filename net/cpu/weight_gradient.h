#pragma once
// The gradient of a convolution's weights, shared out among threads.

#include <memory>
#include <string>

#include "net/cpu/layer.h"

namespace resnext::net::cpu {

class WeightGradient {
 public:
  WeightGradient() = default;
  WeightGradient(const WeightGradient&) = delete;
  WeightGradient& operator=(const WeightGradient&) = delete;
  virtual ~WeightGradient() = default;

  virtual void bind(const Placement& placement) = 0;
  /// Writes the gradient in canonical order. `inputs` are the convolution's, `gradients` those of
  /// its outputs.
  virtual void run(const Operand& inputs, const Operand& gradients, std::span<float> canonical) = 0;

  /// What computes it.
  virtual std::string implementation() const = 0;
};

/// For the convolution `node`, whose backward pass is being planned.
std::unique_ptr<WeightGradient> make_weight_gradient(Builder& builder, int node);

/// For a 1x1 convolution of any origin, of `pixels` outputs in the whole batch.
std::unique_ptr<WeightGradient> make_matrix_gradient(Builder& builder, const MatrixGradient& shape,
                                                     int pixels);

}  // namespace resnext::net::cpu
