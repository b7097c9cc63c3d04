#include "scripts/benchmark/peak/side_by_side.h"

#include <barrier>
#include <chrono>
#include <thread>
#include <vector>

namespace resnext::benchmark {

double seconds_side_by_side(int threads, const std::function<void(int)>& work) {
  using Clock = std::chrono::steady_clock;
  Clock::time_point start;
  std::barrier at_the_start(threads, [&]() noexcept { start = Clock::now(); });
  {
    std::vector<std::jthread> workers;
    for (int i = 0; i < threads; ++i) {
      workers.emplace_back([&, i] {
        at_the_start.arrive_and_wait();
        work(i);
      });
    }
  }
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace resnext::benchmark
