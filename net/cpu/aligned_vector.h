#pragma once
// Arrays that kernels read in whole vectors: a vector that crosses a cache line takes twice as
// long.

#include <cstddef>
#include <new>
#include <vector>

namespace resnext::net::cpu {

inline constexpr std::size_t kVectorAlignment = 64;

template <typename T>
struct AlignedAllocator {
  using value_type = T;

  AlignedAllocator() = default;
  template <typename U>
  AlignedAllocator(const AlignedAllocator<U>&) {}  // NOLINT(google-explicit-constructor)

  T* allocate(std::size_t count) {
    return static_cast<T*>(::operator new(count * sizeof(T), std::align_val_t(kVectorAlignment)));
  }
  void deallocate(T* values, std::size_t) {
    ::operator delete(values, std::align_val_t(kVectorAlignment));
  }
  bool operator==(const AlignedAllocator&) const { return true; }
};

template <typename T>
using AlignedVector = std::vector<T, AlignedAllocator<T>>;

}  // namespace resnext::net::cpu
