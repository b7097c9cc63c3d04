#pragma once
// Softmax cross-entropy against integer labels, and the top-1/top-5 counts.

#include <memory>

#include "net/cpu/layer.h"

namespace resnext::net::cpu {

std::unique_ptr<Layer> make_softmax_cross_entropy(Builder& builder, int node);

}  // namespace resnext::net::cpu
