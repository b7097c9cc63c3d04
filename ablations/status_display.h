#pragma once
// How far a sweep is, for people: a line for the whole and one for each run under way.

#include <chrono>
#include <string>
#include <vector>

#include "ablations/plan.h"
#include "ablations/run_outcome.h"

namespace resnext::ablations {

/// "[#####.....]  52%" for a share of 0 to 1.
std::string progress_bar(double share, int width = 20);

/// A run's line, from its files: name, bar, loss, time left.
std::string status_line(const PlannedRun& run);

/// "table3, scale smoke: 4 of 10 runs finished, 1 failed, 2 running"
std::string status_heading(const Plan& plan, const std::vector<RunOutcome>& outcomes, int running);

/// On a terminal lines that are rewritten in place; elsewhere lines now and then.
class StatusDisplay {
 public:
  StatusDisplay();
  /// Something that happened, once.
  void say(const std::string& line);
  /// What is so now; shown when it is time.
  void show(const std::vector<std::string>& lines);
  /// Whether `show` would show anything now.
  bool is_due() const;
  /// Takes the rewritten lines away.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  bool live_;
  std::size_t shown_ = 0;
  Clock::time_point next_;
};

}  // namespace resnext::ablations
