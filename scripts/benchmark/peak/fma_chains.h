#pragma once
// Multiplications and additions that need nothing but registers: what a core can do at most, for
// each of its instruction sets.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace resnext::benchmark {

/// A way to multiply and add, and how to run it.
struct FmaChains {
  std::string instruction_set;
  std::string precision;  ///< of the factors: fp32 or bf16; sums are fp32
  double flop_per_round = 0;
  /// Runs so many rounds on the calling thread; the result only keeps the compiler from dropping
  /// them.
  float (*run)(std::int64_t rounds) = nullptr;
};

/// Those that this processor and this build have, the plainest first.
std::vector<FmaChains> available_chains();

/// Independent chains, one vector each. Latency (4 cycles, 5 on some) times throughput (2 a cycle)
/// asks for 8 to 10; 12 and the two constants still fit into the 16 registers of AVX2, so that
/// nothing is spilled.
inline constexpr std::size_t kChains = 12;

// Each in a file compiled for its instruction set. Call only where it is supported.
float run_portable_chains(std::int64_t rounds);
float run_avx2_chains(std::int64_t rounds);
float run_avx512_chains(std::int64_t rounds);
float run_avx512_bf16_chains(std::int64_t rounds);

}  // namespace resnext::benchmark
