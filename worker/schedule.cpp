#include "worker/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>

#include "cli/nearest_name.h"

namespace resnext::worker {
namespace {

/// Share of a one-cycle run in which the rate rises.
constexpr double kOneCycleRise = 0.25;

double step_factor(const ScheduleOptions& options, std::uint64_t step) {
  const double epochs_done = std::floor(double(step) / double(options.steps_per_epoch));
  const auto drops = std::count_if(options.milestones.begin(), options.milestones.end(),
                                   [&](double milestone) { return epochs_done >= milestone; });
  return std::pow(options.decay, double(drops));  // to the bit what the published code computes
}

double one_cycle_factor(double progress) {
  if (progress < kOneCycleRise) return progress / kOneCycleRise;
  return (1 - progress) / (1 - kOneCycleRise);
}

}  // namespace

std::vector<std::string> schedule_names() {
  return {"step", "cosine", "one-cycle", "constant"};
}

bool depends_on_length(const std::string& schedule) {
  return schedule == "cosine" || schedule == "one-cycle";
}

double learning_rate_at(const ScheduleOptions& options, std::uint64_t step) {
  const double warmup = options.warmup_epochs * double(options.steps_per_epoch);
  const double total = double(options.total_steps);
  const double peak = options.learning_rate;
  if (options.name == "one-cycle") {
    // Half a step in, so that neither the first nor the last step has rate 0.
    return peak * one_cycle_factor(std::min(1.0, (double(step) + 0.5) / total));
  }
  if (double(step) < warmup) return peak * (double(step) + 1) / (warmup + 1);
  if (options.name == "step") return peak * step_factor(options, step);
  if (options.name == "constant") return peak;
  if (options.name == "cosine") {
    const double progress = (double(step) - warmup) / std::max(1.0, total - warmup);
    return peak * 0.5 * (1 + std::cos(std::numbers::pi * std::min(1.0, progress)));
  }
  throw std::invalid_argument("unknown schedule '" + options.name + "'" +
                              cli::did_you_mean(options.name, schedule_names()));
}

}  // namespace resnext::worker
