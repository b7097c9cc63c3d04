#pragma once
// Tensor graphs as JSON, to hand them to a planner in another process.

#include <nlohmann/json.hpp>

#include "net/cuda/tensor_graph.h"

namespace resnext::net::cuda {

nlohmann::json to_json(const TensorGraph& graph);

/// Throws nlohmann::json::exception where `json` is no graph.
TensorGraph tensor_graph_from(const nlohmann::json& json);

}  // namespace resnext::net::cuda
