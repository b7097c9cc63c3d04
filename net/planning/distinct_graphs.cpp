#include "net/planning/distinct_graphs.h"

#include <algorithm>
#include <map>

namespace resnext::net {

std::vector<DistinctGraph> distinct_graphs(std::span<const cuda::DeviceProgram> programs) {
  std::vector<DistinctGraph> distinct;
  std::map<std::string, std::size_t> numbers;  // by text
  for (const cuda::DeviceProgram& program : programs) {
    for (const cuda::Step& step : program.steps) {
      const auto* plan = std::get_if<cuda::PlanStep>(&step.work);
      if (plan == nullptr) continue;
      const cuda::TensorGraph& graph = program.graphs[std::size_t(plan->graph)];
      const auto [number, is_new] = numbers.emplace(graph.text(), distinct.size());
      if (is_new) distinct.push_back({graph, {}, {}});
      DistinctGraph& found = distinct[number->second];
      auto& names = program.training ? found.training : found.inference;
      if (std::ranges::find(names, step.name) == names.end()) names.push_back(step.name);
    }
  }
  return distinct;
}

std::vector<cuda::TensorGraph> graphs_of(std::span<const DistinctGraph> distinct) {
  std::vector<cuda::TensorGraph> graphs;
  for (const DistinctGraph& one : distinct) graphs.push_back(one.graph);
  return graphs;
}

}  // namespace resnext::net
