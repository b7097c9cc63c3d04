#include "tests/cuda_standin/work_graph.h"

#include <algorithm>
#include <cstdio>

namespace resnext::standin {

bool WorkGraph::all_lead_to(const std::vector<int>& last) const {
  std::vector<bool> reached(nodes.size());
  std::vector<int> open = last;
  while (!open.empty()) {
    const auto index = static_cast<std::size_t>(open.back());
    open.pop_back();
    if (reached[index]) continue;
    reached[index] = true;
    const Node& node = nodes[index];
    open.insert(open.end(), node.dependencies.begin(), node.dependencies.end());
    open.insert(open.end(), node.dropped.begin(), node.dropped.end());
  }
  return std::ranges::all_of(reached, [](bool value) { return value; });
}

GraphRun::GraphRun(const WorkGraph& graph, Stream* stream) : left_(graph.nodes.size()) {
  for (const WorkGraph::Node& node : graph.nodes) {
    State& state = states_.emplace_back();
    state.what = node.what;
    state.dependencies = node.dependencies;
    state.in_first_stream = node.in_first_stream;
    if (node.records != nullptr) {
      const auto completion = std::make_shared<Completion>(Completion{stream});
      node.records->completion = completion;
      state.attempt = [completion] { return completion->done = true; };
    } else if (node.awaits != nullptr) {
      state.awaited = node.awaits->completion;
      state.attempt = [awaited = state.awaited] { return awaited == nullptr || awaited->done; };
    } else {
      state.attempt = node.make();
    }
  }
}

std::vector<std::size_t> GraphRun::candidates() const {
  std::vector<std::size_t> result;
  for (std::size_t i = 0; i < states_.size(); ++i) {
    const bool ready = std::ranges::all_of(states_[i].dependencies, [this](int dependency) {
      return states_[static_cast<std::size_t>(dependency)].done;
    });
    if (!states_[i].done && ready) result.push_back(i);
  }
  return result;
}

bool GraphRun::advance(Order order, std::mt19937& random) {
  std::vector<std::size_t> ready = candidates();
  if (order == Order::kRandom) {
    std::ranges::shuffle(ready, random);
  } else {
    // Lazy: forked streams as late as can be; else as early.
    std::ranges::stable_sort(ready, [&](std::size_t a, std::size_t b) {
      const bool first = order == Order::kLazy;
      return (states_[a].in_first_stream == first) > (states_[b].in_first_stream == first);
    });
  }
  for (const std::size_t index : ready) {
    State& state = states_[index];
    if (!state.attempt()) continue;
    if (configuration().trace) std::fprintf(stderr, "[standin] graph: %s\n", state.what.c_str());
    state.done = true;
    state.attempt = nullptr;
    --left_;
    return true;
  }
  return false;
}

CompletionPtr GraphRun::blocked_on() const {
  for (const std::size_t index : candidates()) {
    const CompletionPtr& awaited = states_[index].awaited;
    if (awaited != nullptr && !awaited->done) return awaited;
  }
  return nullptr;
}

}  // namespace resnext::standin
