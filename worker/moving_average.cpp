#include "worker/moving_average.h"

#include <cstddef>

namespace resnext::worker {

// Compiled with -ffp-contract=off, like sgd.cpp.
void move_average(double decay, std::span<const float> values, std::vector<float>& average) {
  if (average.empty()) {
    average.assign(values.begin(), values.end());
    return;
  }
  const auto kept = static_cast<float>(decay), taken = static_cast<float>(1 - decay);
  const float* const from = values.data();
  float* const to = average.data();
  for (std::size_t i = 0; i < average.size(); ++i) to[i] = kept * to[i] + taken * from[i];
}

bool share_average(const Communicator& communicator, TrainingState& state) {
  if (communicator.maximum(state.average.empty() ? 0 : 1) == 0) return false;
  state.average.resize(state.parameters.size());
  state.average_statistics.resize(state.statistics.size());
  communicator.broadcast(std::span<float>(state.average));
  communicator.broadcast(std::span<float>(state.average_statistics));
  return true;
}

}  // namespace resnext::worker
