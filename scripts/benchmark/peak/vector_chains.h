#pragma once
// Chains of a = a * factor + addend over vectors of floats, for the files that are compiled
// for one instruction set each. With -ffp-contract=fast the compiler fuses the two where it may.

#include <cstddef>
#include <cstdint>

#include "scripts/benchmark/peak/fma_chains.h"

namespace resnext::benchmark {

namespace {  // each file has its own, compiled for its instruction set

template <typename Vector>
float run_vector_chains(std::int64_t rounds) {
  constexpr std::size_t lanes = sizeof(Vector) / sizeof(float);
  const Vector factor = Vector{} + 0.999999F, addend = Vector{} + 1e-6F;
  Vector chains[kChains];  // from 2 on: 1 would stay 1, and the compiler would drop that chain
  for (std::size_t i = 0; i < kChains; ++i) chains[i] = Vector{} + static_cast<float>(i + 2);
  for (std::int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (std::size_t i = 0; i < kChains; ++i) chains[i] = chains[i] * factor + addend;
  }
  float sum = 0;
  for (std::size_t i = 0; i < kChains; ++i) {
    for (std::size_t lane = 0; lane < lanes; ++lane) sum += chains[i][lane];
  }
  return sum;
}

}  // namespace
}  // namespace resnext::benchmark
