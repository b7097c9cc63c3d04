#pragma once
// Weights from and to files, for --init, for evaluation, and for exchange with PyTorch.

#include <cstdint>
#include <string>
#include <vector>

#include "net/graph.h"

namespace resnext::worker {

struct Weights {
  std::vector<float> parameters;  ///< the graph's arena
  std::vector<float> statistics;  ///< running means and variances, in the graph's order
  std::string source;             ///< for people: where they are from
};

/// Reads the network's tensors from a checkpoint or a safetensors file (see open_tensor_file).
/// Those whose names begin with an entry of `skip`, by whole parts ("fc", "layer4.2"), get the
/// initial values of `seed` instead; the file need not have them. Throws std::runtime_error naming
/// the file and the first tensor, from the input on, that is missing, of another shape or not
/// finite; then any that the network has not. The file may have the blocks in another form than
/// `graph` (net::BlockForm).
Weights read_weights(const std::string& path, const net::Graph& graph,
                     const std::vector<std::string>& skip = {}, std::uint64_t seed = 1);

/// Writes them as safetensors under the graph's (torchvision's) names in forward order, with the
/// metadata that PyTorch's libraries expect and the model's name. Throws std::runtime_error naming
/// the file and the reason.
void write_weights(const std::string& path, const net::Graph& graph, const Weights& weights);

}  // namespace resnext::worker
