#include "ablations/local_runs.h"

#include <algorithm>
#include <deque>
#include <filesystem>
#include <memory>
#include <optional>

#include "ablations/child_process.h"
#include "ablations/log_file.h"

namespace resnext::ablations {
namespace {

constexpr int kTickMilliseconds = 100;
/// Of a run that a signal killed (exit code above 128): a batch system or a lack of memory may have
/// done so, and its checkpoint is there.
constexpr int kTriesAfterKills = 3;

/// A run under way: its command lines, one after the other.
class RunningRun {
 public:
  RunningRun(const Plan& plan, const PlannedRun& run, const Slot& slot,
             const std::vector<std::string>& launch)
      : run_(run), surroundings_{log_path(run), slot.cpus, slot.environment} {
    open_run_folder(run);
    forget_failure(run);
    for (auto& line : command_lines(plan, run, launch)) lines_.push_back(std::move(line));
    start();
  }

  const PlannedRun& run() const { return run_; }

  /// True once nothing of it runs any more. A failure is noted, unless it was asked to stop.
  bool ended() {
    const auto code = child_->exit_code();
    if (!code) return false;
    if (stopping_) return true;
    if (*code > 128 && kills_ < kTriesAfterKills) {
      ++kills_;
      start();
      return false;
    }
    if (*code != 0) {
      note_failure(run_, said_now(), *code);
      return true;
    }
    lines_.pop_front();
    if (lines_.empty()) return true;
    start();
    return false;
  }

  void stop() {
    stopping_ = true;
    child_->signal(SIGTERM);
  }

 private:
  /// What an earlier try said stays in the log; its errors must not be taken for this one's.
  void start() {
    std::error_code ignored;
    const auto size = std::filesystem::file_size(surroundings_.log, ignored);
    log_start_ = ignored ? 0 : size;
    child_.emplace(lines_.front(), surroundings_);
  }

  std::string said_now() const {
    const auto size = std::filesystem::file_size(surroundings_.log);
    return tail_of(surroundings_.log, std::min<std::uintmax_t>(size - log_start_, 16384));
  }

  const PlannedRun& run_;
  Surroundings surroundings_;
  std::deque<std::vector<std::string>> lines_;
  std::optional<ChildProcess> child_;
  std::uintmax_t log_start_ = 0;
  int kills_ = 0;
  bool stopping_ = false;
};

/// The slots and what runs on them.
class Floor {
 public:
  Floor(const Plan& plan, const LocalSettings& settings, const RunEvents& events)
      : plan_(plan), settings_(settings), events_(events), running_(settings.slots.size()) {}

  bool start_if_free(const PlannedRun& run) {
    for (std::size_t i = 0; i < running_.size(); ++i) {
      if (running_[i]) continue;
      const Slot& slot = settings_.slots[i];
      try {
        running_[i] = std::make_unique<RunningRun>(plan_, run, slot, settings_.launch(slot));
        events_.started(run);
      } catch (const std::runtime_error& error) {
        RunOutcome outcome;
        outcome.state = RunState::kFailed;
        outcome.error = error.what();
        events_.ended(run, outcome);
      }
      return true;
    }
    return false;
  }

  void reap() {
    for (auto& running : running_) {
      if (!running || !running->ended()) continue;
      const PlannedRun& run = running->run();
      running.reset();
      events_.ended(run, read_outcome(run, plan_));
    }
  }

  void stop() {
    for (auto& running : running_) {
      if (running) running->stop();
    }
  }

  std::vector<const PlannedRun*> under_way() const {
    std::vector<const PlannedRun*> runs;
    for (const auto& running : running_) {
      if (running) runs.push_back(&running->run());
    }
    return runs;
  }

 private:
  const Plan& plan_;
  const LocalSettings& settings_;
  const RunEvents& events_;
  std::vector<std::unique_ptr<RunningRun>> running_;
};

}  // namespace

bool run_locally(const Plan& plan, const std::vector<const PlannedRun*>& waiting,
                 const LocalSettings& settings, StopRequests& stop, const RunEvents& events) {
  Floor floor(plan, settings, events);
  auto next = waiting.begin();
  int passed_on = 0;
  while (true) {
    for (; passed_on < stop.count(); ++passed_on) floor.stop();
    while (passed_on == 0 && next != waiting.end() && floor.start_if_free(**next)) ++next;
    const auto under_way = floor.under_way();
    events.tick(under_way);
    if (under_way.empty() && (passed_on > 0 || next == waiting.end())) break;
    stop.wait(kTickMilliseconds);
    floor.reap();
  }
  return next == waiting.end() && passed_on == 0;
}

}  // namespace resnext::ablations
