#pragma once
// Which networks a file's tensors could be of, by their names and shapes.

#include <optional>
#include <string>
#include <vector>

#include "net/graph.h"
#include "worker/weights/tensor_file.h"

namespace resnext::worker {

/// The network of `spec` with the input channels and classes that the file's first convolution and
/// last layer have; nullopt where the file has no such tensors. The image size is the usual one: no
/// tensor depends on it.
std::optional<net::Graph> graph_with_ends_of(const net::Spec& spec, const TensorFile& file);

/// True when the file has exactly the graph's tensors, by names and shapes.
bool fits(const TensorFile& file, const net::Graph& graph);

/// Those of known_model_names() that fit, whatever the number of classes, and the name that the
/// file gives itself if that fits (first, if so).
std::vector<std::string> fitting_models(const TensorFile& file);

}  // namespace resnext::worker
