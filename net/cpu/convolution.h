#pragma once
// Convolution on oneDNN, in the layouts it chooses.

#include <memory>

#include "net/cpu/layer.h"

namespace resnext::net::cpu {

/// Compiles convolution node `node`: plans its forward pass and sets the node's value.
std::unique_ptr<Layer> make_convolution(Builder& builder, int node);

}  // namespace resnext::net::cpu
