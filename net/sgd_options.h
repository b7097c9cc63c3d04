#pragma once

namespace resnext::net {

/// Stochastic gradient descent as the paper's code does it: Nesterov momentum without dampening,
/// weight decay on every parameter. Element by element: g += wd * x; v = m * v + g; then
/// x -= lr * (g + m * v) (Nesterov) or x -= lr * v.
struct SgdOptions {
  float momentum = 0.9F;
  float weight_decay = 1e-4F;
  bool nesterov = true;
};

}  // namespace resnext::net
