#include "ablations/status_display.h"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>
#include <unistd.h>

#include "ablations/log_file.h"

namespace resnext::ablations {
namespace {

constexpr std::chrono::milliseconds kLiveEvery(500);
constexpr std::chrono::seconds kPlainEvery(60);

long count(const std::vector<RunOutcome>& outcomes, RunState state) {
  return std::ranges::count(outcomes, state, &RunOutcome::state);
}

}  // namespace

std::string progress_bar(double share, int width) {
  const double within = std::clamp(share, 0.0, 1.0);
  const auto done = static_cast<std::size_t>(within * width);
  return fmt::format("[{}{}] {:3.0f}%", std::string(done, '#'),
                     std::string(static_cast<std::size_t>(width) - done, '.'), 100 * within);
}

std::string status_line(const PlannedRun& run) {
  const auto progress = last_progress(tail_of(log_path(run)));
  if (!progress) return fmt::format("  {:24} {}  starting", run.name(), progress_bar(0));
  return fmt::format("  {:24} {}  step {}/{}  loss {:.4f}  left {}", run.name(),
                     progress_bar(double(progress->step) / double(progress->steps)), progress->step,
                     progress->steps, progress->loss, progress->left);
}

std::string status_heading(const Plan& plan, const std::vector<RunOutcome>& outcomes, int running) {
  std::string text =
      fmt::format("{}, scale {}: {} of {} runs finished", plan.table.name, plan.scale.name,
                  count(outcomes, RunState::kFinished), outcomes.size());
  if (const long n = count(outcomes, RunState::kFailed); n > 0)
    text += fmt::format(", {} failed", n);
  if (const long n = count(outcomes, RunState::kDiverged); n > 0) {
    text += fmt::format(", {} diverged", n);
  }
  if (running > 0) text += fmt::format(", {} running", running);
  return text;
}

StatusDisplay::StatusDisplay() : live_(isatty(STDOUT_FILENO) != 0), next_(Clock::now()) {
  if (!live_) next_ += kPlainEvery;
}

void StatusDisplay::say(const std::string& line) {
  clear();
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

bool StatusDisplay::is_due() const {
  return Clock::now() >= next_;
}

void StatusDisplay::show(const std::vector<std::string>& lines) {
  if (!is_due()) return;
  next_ = Clock::now();
  if (live_) {
    next_ += kLiveEvery;
  } else {
    next_ += kPlainEvery;
  }
  clear();
  for (const std::string& line : lines) fmt::print("{}\n", line);
  std::fflush(stdout);
  shown_ = live_ ? lines.size() : 0;
}

void StatusDisplay::clear() {
  if (shown_ > 0) fmt::print("\x1b[{}A\x1b[J", shown_);  // up, and away with what is below
  shown_ = 0;
}

}  // namespace resnext::ablations
