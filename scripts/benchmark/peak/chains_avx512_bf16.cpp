#include <immintrin.h>

#include "scripts/benchmark/peak/fma_chains.h"

namespace resnext::benchmark {

/// Each lane adds the products of two pairs of bf16 to an fp32 sum (VDPBF16PS).
float run_avx512_bf16_chains(std::int64_t rounds) {
  const __m512bh factor = _mm512_cvtne2ps_pbh(_mm512_set1_ps(0.5F), _mm512_set1_ps(0.5F));
  __m512 chains[kChains];
  for (std::size_t i = 0; i < kChains; ++i) chains[i] = _mm512_set1_ps(static_cast<float>(i));
  for (std::int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (std::size_t i = 0; i < kChains; ++i) {
      chains[i] = _mm512_dpbf16_ps(chains[i], factor, factor);
    }
  }
  float sum = 0;
  for (std::size_t i = 0; i < kChains; ++i) {
    for (std::size_t lane = 0; lane < 16; ++lane) sum += chains[i][lane];
  }
  return sum;
}

}  // namespace resnext::benchmark
