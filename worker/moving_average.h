#pragma once
// The exponential moving average of weights and running statistics over the steps of a run.

#include <span>
#include <vector>

#include "worker/comm/communicator.h"
#include "worker/training_state.h"

namespace resnext::worker {

/// average = decay * average + (1 - decay) * values, element by element, so that every rank comes
/// to the same bits. An empty average becomes a copy: what the first step gives is where it starts,
/// as with torchvision's ExponentialMovingAverage (use_buffers=True).
void move_average(double decay, std::span<const float> values, std::vector<float>& average);

/// Sends rank 0's averages to all; returns whether there are any. Collective.
bool share_average(const Communicator& communicator, TrainingState& state);

}  // namespace resnext::worker
