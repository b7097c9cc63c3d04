#include "tests/net/engine_under_test.h"

namespace resnext::net {

const unsigned kRandomGraphs = 100;

std::unique_ptr<Engine> make_engine_under_test(const Graph& graph,
                                               const Normalisation& normalisation, int threads) {
  return make_cpu_engine(graph, normalisation, threads);
}

}  // namespace resnext::net
