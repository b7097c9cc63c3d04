#pragma once
// The learning rate as a pure function of the step.

#include <cstdint>
#include <string>
#include <vector>

namespace resnext::worker {

struct ScheduleOptions {
  std::string name = "step";                      ///< one of schedule_names()
  double learning_rate = 0.1;                     ///< the base, or the peak of one-cycle
  std::vector<double> milestones = {30, 60, 90};  ///< step: epochs after which the rate drops
  double decay = 0.1;                             ///< step: factor of each drop
  /// Linear warm-up, step by step, as Goyal et al. (2017): over the w steps of these epochs the
  /// rate is learning_rate * (step + 1) / (w + 1), and then the schedule's. Milestones count from
  /// the start of the run, warm-up included. Not for one-cycle, which rises by itself.
  double warmup_epochs = 0;
  std::uint64_t steps_per_epoch = 1;  ///< what an epoch is in milestones and warm-up
  std::uint64_t total_steps = 1;      ///< cosine and one-cycle end here, at 0
};

/// "step" (the paper: divided by 10 after epochs 30, 60 and 90), "cosine", "one-cycle" (linear up
/// to the peak over the first quarter, then linear down to 0), "constant".
std::vector<std::string> schedule_names();

/// Whether the rate at a step depends on the run's length.
bool depends_on_length(const std::string& schedule);

/// Learning rate of `step` (0-based: steps done before it). Throws std::invalid_argument for an
/// unknown schedule.
double learning_rate_at(const ScheduleOptions& options, std::uint64_t step);

}  // namespace resnext::worker
