#pragma once
// What is timed on several ranks: each time is from a common start to the end of the slowest rank.

#include <functional>
#include <string>
#include <vector>

#include "worker/comm/communicator.h"

namespace resnext::benchmark {

/// Something to time, and its seconds so far (the same on every rank).
struct Contender {
  std::string name;
  std::function<void()> run;
  std::vector<double> seconds = {};
};

/// Runs each contender once without timing, then all in turn, `rounds` times. Collective.
void time_in_turn(const worker::Communicator& world, int rounds,
                  std::vector<Contender>& contenders);

}  // namespace resnext::benchmark
