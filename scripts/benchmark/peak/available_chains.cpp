#include "scripts/benchmark/peak/fma_chains.h"

namespace resnext::benchmark {
namespace {

constexpr double kFlopPerFma = 2;

/// `fmas`: multiplications and additions of one instruction.
FmaChains chains(const char* instruction_set, const char* precision, double fmas,
                 float (*run)(std::int64_t)) {
  return {instruction_set, precision, kFlopPerFma * fmas * kChains, run};
}

}  // namespace

std::vector<FmaChains> available_chains() {
  std::vector<FmaChains> all{chains("portable", "fp32", 4, run_portable_chains)};
#ifdef RESNEXT_X86_CHAINS
  if (__builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0)
    all.push_back(chains("avx2", "fp32", 8, run_avx2_chains));
  if (__builtin_cpu_supports("avx512f") != 0)
    all.push_back(chains("avx512", "fp32", 16, run_avx512_chains));
  if (__builtin_cpu_supports("avx512bf16") != 0)
    all.push_back(chains("avx512_bf16", "bf16", 32, run_avx512_bf16_chains));
#endif
  return all;
}

}  // namespace resnext::benchmark
