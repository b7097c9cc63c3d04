#pragma once
// Max pooling and global average pooling.

#include <memory>

#include "net/cpu/layer.h"

namespace resnext::net::cpu {

std::unique_ptr<Layer> make_max_pool(Builder& builder, int node);
std::unique_ptr<Layer> make_global_average_pool(Builder& builder, int node);

}  // namespace resnext::net::cpu
