#pragma once
// How long each pass of each layer takes, when somebody asks.

#include <ctime>
#include <map>
#include <utility>

namespace resnext::net::cpu {

class Layer;

/// Seconds of one step.
class StepClock {
 public:
  /// With one thread, its own seconds of processor time are what counts: others do not disturb.
  explicit StepClock(int threads)
      : clock_(threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC) {}

  double now() const {
    std::timespec time{};
    clock_gettime(clock_, &time);
    return double(time.tv_sec) + 1e-9 * double(time.tv_nsec);
  }
  void add(const Layer& layer, int pass, double seconds) { seconds_[{&layer, pass}] += seconds; }
  double seconds(const Layer& layer, int pass) const {
    const auto found = seconds_.find({&layer, pass});
    return found == seconds_.end() ? 0.0 : found->second;
  }

 private:
  clockid_t clock_;
  std::map<std::pair<const Layer*, int>, double> seconds_;
};

/// Times a pass from here to the end of its scope.
class PassTimer {
 public:
  PassTimer(StepClock* clock, const Layer& layer, int pass)
      : clock_(clock), layer_(layer), pass_(pass), start_(clock != nullptr ? clock->now() : 0.0) {}
  PassTimer(const PassTimer&) = delete;
  PassTimer& operator=(const PassTimer&) = delete;
  ~PassTimer() {
    if (clock_ != nullptr) clock_->add(layer_, pass_, clock_->now() - start_);
  }

 private:
  StepClock* clock_;
  const Layer& layer_;
  int pass_;
  double start_;
};

}  // namespace resnext::net::cpu
