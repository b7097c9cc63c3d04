#include "scripts/benchmark/reduction/timings.h"

#include <chrono>

namespace resnext::benchmark {
namespace {

double slowest_seconds(const worker::Communicator& world, const std::function<void()>& run) {
  using Clock = std::chrono::steady_clock;
  world.maximum(0);  // a common start
  const Clock::time_point start = Clock::now();
  run();
  const std::chrono::nanoseconds taken = Clock::now() - start;
  return static_cast<double>(world.maximum(taken.count())) * 1e-9;
}

}  // namespace

void time_in_turn(const worker::Communicator& world, int rounds,
                  std::vector<Contender>& contenders) {
  for (Contender& contender : contenders) contender.run();
  for (int round = 0; round < rounds; ++round) {
    for (Contender& contender : contenders) {
      contender.seconds.push_back(slowest_seconds(world, contender.run));
    }
  }
}

}  // namespace resnext::benchmark
