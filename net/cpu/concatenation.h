#pragma once
// Channels side by side: for blocks in the form of Figure 3(b), so plain, not fast.

#include <memory>

#include "net/cpu/layer.h"

namespace resnext::net::cpu {

std::unique_ptr<Layer> make_concatenation(Builder& builder, int node);

}  // namespace resnext::net::cpu
