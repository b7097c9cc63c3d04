#pragma once
// What a run says of itself while it goes on: one line, rewritten in a terminal, plain otherwise.

#include <chrono>
#include <cstdint>
#include <string>

namespace resnext::worker {

struct ProgressLine {
  double epoch = 0;   ///< epochs done
  double epochs = 0;  ///< of the whole run
  std::uint64_t step = 0, steps = 0;
  double loss = 0;        ///< mean since the last line
  double top1_error = 0;  ///< percent, likewise
  double learning_rate = 0;
  double images_per_second = 0;
  double data_wait = 0;  ///< 0 to 1
  double seconds_left = 0;
};

/// The line as text, of constant width for equal magnitudes.
std::string format_progress(const ProgressLine& line);

/// Hours, minutes and seconds: "1:02:03" or "4:05".
std::string format_duration(double seconds);

/// What `--progress MODE` means here. "auto" is live in a terminal, but not under mpirun, which
/// gives its ranks a pseudo-terminal even where its own output is a file.
bool is_live(const std::string& mode);

/// Averages steps and prints every so often. Only rank 0 makes one.
class Progress {
 public:
  /// `live`: rewrite one line of a terminal.
  Progress(double every_seconds, bool live, std::uint64_t first_step, std::uint64_t steps,
           std::uint64_t steps_per_epoch);

  struct Step {
    std::uint64_t step = 0;
    double loss_sum = 0;
    std::int64_t top1_correct = 0, images = 0;
    double learning_rate = 0;
    double seconds = 0, wait_seconds = 0;
  };
  /// Takes in a step; prints when it is time, or `now` (the end of an epoch).
  void add(const Step& step, bool now);

  /// Prints a line of text, clear of a rewritten progress line.
  void print(const std::string& text);

 private:
  using Clock = std::chrono::steady_clock;

  const double every_seconds_;
  const std::uint64_t steps_, steps_per_epoch_;
  const bool live_;
  Clock::time_point last_print_ = Clock::now();
  Step sum_;  ///< since the last line
  std::uint64_t last_step_;
};

}  // namespace resnext::worker
