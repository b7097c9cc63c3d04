#pragma once
// Pixels to the network's input: normalised, channels last.

#include <memory>

#include "net/cpu/layer.h"

namespace resnext::net::cpu {

std::unique_ptr<Layer> make_input(Builder& builder, int node, const Normalisation& normalisation);

}  // namespace resnext::net::cpu
