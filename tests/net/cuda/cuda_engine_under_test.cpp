#include <cstdlib>

#include "tests/net/cuda/load_plugin.h"
#include "tests/net/engine_under_test.h"

namespace resnext::net {

const unsigned kRandomGraphs = 12;

std::unique_ptr<Engine> make_engine_under_test(const Graph& graph,
                                               const Normalisation& normalisation, int) {
  CudaEngineOptions options;
  options.precision = Precision::kFp32;
  const char* const cache = std::getenv("RESNEXT_TEST_PLAN_CACHE");
  if (cache != nullptr) options.plan_cache = cache;
  return load_cuda_plugin().make_engine(graph, normalisation, options);
}

}  // namespace resnext::net
