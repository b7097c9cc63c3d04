#pragma once
// Linking allocation_count.cpp replaces the program's operator new by one that counts.

#include <cstddef>

namespace resnext::data {

/// Allocations by `new` so far, in all threads.
std::size_t allocation_count();

}  // namespace resnext::data
