#pragma once
// The real planner (resnext-plan-graphs) in tests.

#include <string>
#include <vector>

#include "net/cuda/graph_planner.h"

namespace resnext::net::cuda {

/// For a device of net/devices, with a thread a core.
PlannerOptions real_planner(const std::string& device, Precision precision = Precision::kBf16);

/// One graph's plan.
PlannedGraph plan_alone(const TensorGraph& graph, const PlannerOptions& options);

}  // namespace resnext::net::cuda
