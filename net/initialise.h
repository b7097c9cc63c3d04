#pragma once
// Initial values as a pure function of (seed, parameter name): nothing depends on rank, thread or
// the order in which parameters are visited.

#include <cstdint>
#include <span>

#include "net/graph.h"

namespace resnext::net {

/// Fills the arena (`graph.parameter_count` values) as each parameter's Initialisation says.
void initialise_parameters(const Graph& graph, std::uint64_t seed, std::span<float> arena);

/// Fills the running statistics (`graph.statistic_count` values): means 0, variances 1.
void initialise_statistics(const Graph& graph, std::span<float> statistics);

}  // namespace resnext::net
