#include <cstdlib>

#include "net/norm_residual_patterns.h"
#include "tests/net/bf16_engine_under_test.h"
#include "tests/net/cuda/load_plugin.h"
#include "tests/net/engine_under_test.h"

namespace resnext::net {

const unsigned kRandomGraphs = 12;

const bool kRoundsMatrices = true;
const Bf16Tolerances kBf16Tolerances = {0.1, 2e-3, 1e-3};

namespace {

std::unique_ptr<Engine> make_engine(const Graph& graph, const Normalisation& normalisation,
                                    Precision precision) {
  CudaEngineOptions options;
  options.precision = precision;
  const char* const cache = std::getenv("RESNEXT_TEST_PLAN_CACHE");
  if (cache != nullptr) options.plan_cache = cache;
  return load_cuda_plugin().make_engine(graph, normalisation, options);
}

}  // namespace

std::unique_ptr<Engine> make_engine_under_test(const Graph& graph,
                                               const Normalisation& normalisation, int) {
  return make_engine(graph, normalisation, Precision::kFp32);
}

std::unique_ptr<Engine> make_bf16_engine_under_test(const Graph& graph,
                                                    const Normalisation& normalisation) {
  return make_engine(graph, normalisation, Precision::kBf16);
}

/// Where the device stores bf16: not inside what it computes as one, but for the normalisation of a
/// projection, which an addition then takes in; logits are fp32, their gradient is not.
ReferenceRounding stored_rounding(const Graph& graph) {
  const NormResidualPatterns patterns = find_norm_residual_patterns(graph);
  ReferenceRounding rounding;
  rounding.round = to_bf16;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const bool stored = !patterns.absorbed[i] && graph.nodes[i].op != Op::kSoftmaxCrossEntropy;
    rounding.gradients.push_back(stored);
    rounding.values.push_back(stored && graph.nodes[i].op != Op::kLinear);
  }
  for (const NormResidualPattern& pattern : patterns.at) {
    if (pattern.branches.size() == 2 && pattern.branches[0].batch_norm >= 0 &&
        pattern.branches[1].batch_norm >= 0) {
      rounding.values[std::size_t(pattern.branches[1].batch_norm)] = true;
    }
  }
  return rounding;
}

}  // namespace resnext::net
