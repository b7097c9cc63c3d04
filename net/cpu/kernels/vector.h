// Vectors of floats in the compiler's generic form. Included only by sources that are compiled for
// one instruction set each and name their namespace in RESNEXT_KERNEL_NAMESPACE and the width in
// RESNEXT_KERNEL_LANES; such sources include no header with code of its own, which would be
// compiled for an instruction set that the machine may lack.
#pragma once

#include <cstddef>
#include <cstdint>

namespace resnext::net::cpu::RESNEXT_KERNEL_NAMESPACE {
namespace {

constexpr int kLanes = RESNEXT_KERNEL_LANES;

typedef float Vector __attribute__((vector_size(kLanes * 4)));
typedef float LooseVector __attribute__((vector_size(kLanes * 4), aligned(4), may_alias));
typedef std::int32_t Integers __attribute__((vector_size(kLanes * 4)));
typedef std::uint32_t Words __attribute__((vector_size(kLanes * 4)));
typedef std::uint16_t Halves __attribute__((vector_size(kLanes * 2)));
typedef std::uint16_t LooseHalves __attribute__((vector_size(kLanes * 2), aligned(2), may_alias));

/// An fp32's upper half.
struct Bfloat16 {
  std::uint16_t bits;
};

inline Vector load(const float* p) {
  return *reinterpret_cast<const LooseVector*>(p);
}

inline void store(float* p, Vector v) {
  *reinterpret_cast<LooseVector*>(p) = v;
}

inline Vector load(const Bfloat16* p) {
  const Halves halves = *reinterpret_cast<const LooseHalves*>(p);
  return reinterpret_cast<Vector>(__builtin_convertvector(halves, Words) << 16);
}

/// Rounds to nearest, ties to even.
inline void store(Bfloat16* p, Vector v) {
  const Words bits = reinterpret_cast<Words>(v);
  Words rounded = (bits + (0x7fffU + ((bits >> 16) & 1U))) >> 16;
  rounded = v == v ? rounded : Words{} + 0x7fc0U;  // not a number must stay none
  *reinterpret_cast<LooseHalves*>(p) = __builtin_convertvector(rounded, Halves);
}

/// x - 0, as 0 + x would turn -0 to 0 and cost an addition.
inline Vector broadcast(float x) {
  return x - Vector{};
}

inline Vector positive_part(Vector v) {
  return v > 0.0F ? v : Vector{};
}

}  // namespace
}  // namespace resnext::net::cpu::RESNEXT_KERNEL_NAMESPACE
