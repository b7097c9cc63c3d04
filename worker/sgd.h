#pragma once
// Stochastic gradient descent as the paper's code does it: Nesterov momentum without dampening,
// weight decay on every parameter.

#include <span>

#include "net/sgd_options.h"

namespace resnext::worker {

using net::SgdOptions;

/// One update, element by element: g += wd * x; v = m * v + g; x -= lr * (g + m * v) (Nesterov) or
/// x -= lr * v. Zero momentum before the first step gives v = g there. All spans have one length;
/// how an arena is cut into calls does not change a bit of the result.
void sgd_update(const SgdOptions& options, float learning_rate, std::span<const float> gradients,
                std::span<float> momentum, std::span<float> parameters);

}  // namespace resnext::worker
