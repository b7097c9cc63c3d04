// The most multiply-adds that this instruction set does: independent sums, all in registers. See
// vector.h for how this is compiled.
#pragma once

#include "net/cpu/kernels/vector.h"

namespace resnext::net::cpu::RESNEXT_KERNEL_NAMESPACE {
namespace {

/// Does `rounds` rounds and returns how many floating-point operations they were.
double multiply_adds(long rounds, float* result) {
  constexpr int kSums = kLanes == 16 ? 24 : 12;
  Vector sums[kSums];
#pragma GCC unroll 32
  for (int k = 0; k < kSums; ++k) sums[k] = broadcast(float(k));
  const Vector slope = broadcast(result[0]), offset = broadcast(result[1]);
  for (long i = 0; i < rounds; ++i) {
#pragma GCC unroll 32
    for (int k = 0; k < kSums; ++k) sums[k] = sums[k] * slope + offset;
  }
  Vector total = {};
#pragma GCC unroll 32
  for (int k = 0; k < kSums; ++k) total += sums[k];
  result[2] = total[0];
  return 2.0 * kLanes * kSums * double(rounds);
}

}  // namespace
}  // namespace resnext::net::cpu::RESNEXT_KERNEL_NAMESPACE
