#include "worker/weights/state_dict.h"

namespace resnext::worker {

std::vector<StateTensor> state_dict(const net::Graph& graph) {
  std::vector<StateTensor> tensors;
  for (const net::Node& node : graph.nodes) {
    for (const int index : node.parameters) {
      const net::Parameter& parameter = graph.parameters[static_cast<std::size_t>(index)];
      tensors.push_back({parameter.name,
                         {parameter.shape.begin(), parameter.shape.end()},
                         false,
                         parameter.offset,
                         parameter.count});
    }
    for (const int index : node.statistics) {
      const net::Statistic& statistic = graph.statistics[static_cast<std::size_t>(index)];
      tensors.push_back(
          {statistic.name, {statistic.count}, true, statistic.offset, statistic.count});
    }
  }
  return tensors;
}

}  // namespace resnext::worker
