#include "scripts/benchmark/peak/vector_chains.h"

namespace resnext::benchmark {

float run_portable_chains(std::int64_t rounds) {
  typedef float Vector __attribute__((vector_size(16)));
  return run_vector_chains<Vector>(rounds);
}

}  // namespace resnext::benchmark
