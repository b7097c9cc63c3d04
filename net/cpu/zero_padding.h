#pragma once
// Shortcut type A: every stride-th pixel, and zeros for the channels that the input lacks. Exists
// for the comparison of shortcuts, so it is plain, not fast.

#include <memory>

#include "net/cpu/layer.h"

namespace resnext::net::cpu {

std::unique_ptr<Layer> make_zero_padding(Builder& builder, int node);

}  // namespace resnext::net::cpu
