#pragma once
// The fully connected layer, as matrix products on the canonical weights in place.

#include <memory>

#include "net/cpu/layer.h"

namespace resnext::net::cpu {

std::unique_ptr<Layer> make_linear(Builder& builder, int node);

}  // namespace resnext::net::cpu
