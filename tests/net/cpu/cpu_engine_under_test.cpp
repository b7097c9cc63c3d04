#include <algorithm>

#include "net/norm_residual_patterns.h"
#include "tests/net/bf16_engine_under_test.h"
#include "tests/net/engine_under_test.h"

namespace resnext::net {

const unsigned kRandomGraphs = 100;
const bool kRoundsMatrices = false;
// Batch-norm's sums are of what a convolution computes, before it is rounded: not the double
// step's.
const Bf16Tolerances kBf16Tolerances = {0.15, 4e-3, 2e-3};

std::unique_ptr<Engine> make_engine_under_test(const Graph& graph,
                                               const Normalisation& normalisation, int threads) {
  return make_cpu_engine(graph, normalisation, threads);
}

std::unique_ptr<Engine> make_bf16_engine_under_test(const Graph& graph,
                                                    const Normalisation& normalisation) {
  return make_cpu_engine(graph, normalisation, 1, Precision::kBf16);
}

/// Convolutions store what they compute, and additions; a batch-norm's output that only
/// convolutions and max pooling read is computed by them and never stored, nor is its input's
/// gradient. From the pooled features on all is fp32.
ReferenceRounding stored_rounding(const Graph& graph) {
  const NormResidualPatterns patterns = find_norm_residual_patterns(graph);
  const auto normalised_by_readers = [&](int node) {
    return std::ranges::all_of(graph.nodes, [node](const Node& reader) {
      const bool reads = std::ranges::find(reader.inputs, node) != reader.inputs.end();
      return !reads || reader.op == Op::kConvolution || reader.op == Op::kMaxPool;
    });
  };
  ReferenceRounding rounding;
  rounding.round = to_bf16;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Op op = graph.nodes[i].op;
    const bool stored = !patterns.absorbed[i] && op != Op::kSoftmaxCrossEntropy &&
                        op != Op::kLinear && op != Op::kGlobalAveragePool;
    rounding.gradients.push_back(stored);
    rounding.values.push_back(stored);
  }
  for (const NormResidualPattern& pattern : patterns.at) {
    const auto norms = std::ranges::count_if(
        pattern.branches, [](const ResidualBranch& branch) { return branch.batch_norm >= 0; });
    if (pattern.branches.size() == 1 && norms == 1 && normalised_by_readers(pattern.output)) {
      rounding.values[std::size_t(pattern.output)] = false;
    }
    for (const ResidualBranch& branch : pattern.branches) {
      const auto source = std::size_t(branch.source);
      if (branch.batch_norm >= 0 && graph.nodes[source].op == Op::kConvolution) {
        rounding.gradients[source] = false;
      }
    }
  }
  return rounding;
}

}  // namespace resnext::net
