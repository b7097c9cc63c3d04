#include "worker/progress.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include <fmt/format.h>
#include <unistd.h>

namespace resnext::worker {

std::string format_duration(double seconds) {
  const auto whole = static_cast<long>(std::lround(std::max(0.0, seconds)));
  if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string format_progress(const ProgressLine& line) {
  return fmt::format(
      "epoch {:6.2f}/{:g}  step {:>6}/{}  loss {:7.4f}  error {:6.2f}%  lr {:<7.4g}  {:7.1f} img/s "
      " "
      "data {:3.0f}%  left {}",
      line.epoch, line.epochs, line.step, line.steps, line.loss, line.top1_error,
      line.learning_rate, line.images_per_second, 100 * line.data_wait,
      format_duration(line.seconds_left));
}

bool is_live(const std::string& mode) {
  if (mode != "auto") return mode == "live";
  const bool under_mpirun = std::getenv("OMPI_COMM_WORLD_SIZE") != nullptr;
  return isatty(STDOUT_FILENO) != 0 && !under_mpirun;
}

Progress::Progress(double every_seconds, bool live, std::uint64_t first_step, std::uint64_t steps,
                   std::uint64_t steps_per_epoch)
    : every_seconds_(every_seconds),
      steps_(steps),
      steps_per_epoch_(steps_per_epoch),
      live_(live),
      last_step_(first_step) {}

void Progress::add(const Step& step, bool now) {
  sum_.step = step.step;
  sum_.loss_sum += step.loss_sum;
  sum_.top1_correct += step.top1_correct;
  sum_.images += step.images;
  sum_.learning_rate = step.learning_rate;
  sum_.seconds += step.seconds;
  sum_.wait_seconds += step.wait_seconds;
  const std::chrono::duration<double> since = Clock::now() - last_print_;
  if (!now && since.count() < every_seconds_) return;

  ProgressLine line;
  line.epoch = double(step.step) / double(steps_per_epoch_);
  line.epochs = double(steps_) / double(steps_per_epoch_);
  line.step = step.step;
  line.steps = steps_;
  line.loss = sum_.loss_sum / double(sum_.images);
  line.top1_error = 100 * (1 - double(sum_.top1_correct) / double(sum_.images));
  line.learning_rate = step.learning_rate;
  line.images_per_second = double(sum_.images) / sum_.seconds;
  line.data_wait = sum_.wait_seconds / sum_.seconds;
  line.seconds_left = sum_.seconds / double(step.step - last_step_) * double(steps_ - step.step);
  fmt::print("{}{}{}", live_ ? "\r\033[K" : "", format_progress(line), live_ && !now ? "" : "\n");
  std::fflush(stdout);
  last_print_ = Clock::now();
  last_step_ = step.step;
  sum_ = {};
}

void Progress::print(const std::string& text) {
  fmt::print("{}{}\n", live_ ? "\r\033[K" : "", text);
  std::fflush(stdout);
}

}  // namespace resnext::worker
