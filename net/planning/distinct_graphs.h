#pragma once
// The tensor graphs of several programs, each once: what has to be planned.

#include <span>
#include <string>
#include <vector>

#include "net/cuda/device_program.h"

namespace resnext::net {

/// A tensor graph, and the steps that compute it (in the order of the programs; a name stays once).
struct DistinctGraph {
  cuda::TensorGraph graph;
  std::vector<std::string> training;   ///< e.g. "layer1.0.conv2 backward data"
  std::vector<std::string> inference;  ///< e.g. "layer1.0.conv2"
};

/// In the order in which steps first need them.
std::vector<DistinctGraph> distinct_graphs(std::span<const cuda::DeviceProgram> programs);

/// Only the graphs.
std::vector<cuda::TensorGraph> graphs_of(std::span<const DistinctGraph> distinct);

}  // namespace resnext::net
