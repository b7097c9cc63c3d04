#include "planned_graphs.h"

#include <algorithm>
#include <thread>

#include "net/devices/device.h"

namespace resnext::net::cuda {

PlannerOptions real_planner(const std::string& device, Precision precision) {
  PlannerOptions options;
  options.program = RESNEXT_PLANNER;
  options.device_json = read_device(device).cudnn_json;
  options.precision = precision;
  options.threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  return options;
}

PlannedGraph plan_alone(const TensorGraph& graph, const PlannerOptions& options) {
  const std::vector<TensorGraph> graphs{graph};
  return plan_graphs(graphs, options).graphs.at(0);
}

}  // namespace resnext::net::cuda
