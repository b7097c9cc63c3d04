#pragma once
// Elements of activations: fp32, or bf16 as its bits, so that kernels compile for hosts too.
// Kernels compute in fp32 and round to nearest even when they store.

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace resnext::net::cuda::kernels {

struct Bf16 {
  std::uint16_t bits;
};

__host__ __device__ inline float to_float(float value) {
  return value;
}

__host__ __device__ inline float to_float(Bf16 value) {
  const std::uint32_t bits = static_cast<std::uint32_t>(value.bits) << 16;
  float result;
  memcpy(&result, &bits, sizeof result);
  return result;
}

__host__ __device__ inline void store(float* to, float value) {
  *to = value;
}

__host__ __device__ inline void store(Bf16* to, float value) {
  std::uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  const bool not_a_number = value != value;
  bits += 0x7fff + ((bits >> 16) & 1);
  to->bits = not_a_number ? 0x7fff : static_cast<std::uint16_t>(bits >> 16);
}

/// Channels come in eights: what a thread moves at once.
inline constexpr int kPack = 8;

template <typename T>
struct alignas(16) Pack {
  T values[kPack];
};

/// First element of a grid-stride loop, and its stride.
__device__ inline std::size_t first_element() {
  return blockIdx.x * static_cast<std::size_t>(blockDim.x) + threadIdx.x;
}
__device__ inline std::size_t element_stride() {
  return gridDim.x * static_cast<std::size_t>(blockDim.x);
}

}  // namespace resnext::net::cuda::kernels
