#pragma once
// Linking allocation_watch.cpp replaces the program's malloc family by one that counts.

#include <cstddef>

namespace resnext::net {

struct Allocations {
  std::size_t count = 0;
  std::size_t bytes = 0;
  std::size_t largest = 0;
};

/// Starts counting from zero, in all threads.
void watch_allocations();
/// What has been allocated since, by anyone in the process; counting ends.
Allocations watched_allocations();

}  // namespace resnext::net
