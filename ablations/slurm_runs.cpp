#include "ablations/slurm_runs.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>

#include <fmt/format.h>

#include "ablations/log_file.h"
#include "ablations/slurm_array.h"
#include "ablations/slurm_queue.h"

namespace resnext::ablations {
namespace {

constexpr int kFirstPollMilliseconds = 500;
constexpr int kSlowestPollMilliseconds = 30'000;
/// Of failing squeue calls in a row: a controller that restarts does not end a sweep.
constexpr int kPollTries = 10;
/// Before a time limit Slurm asks the task to stop, for a checkpoint.
constexpr const char* kSignal = "--signal=B:TERM@120";

std::vector<std::string> words(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> found;
  for (std::string word; stream >> word;) found.push_back(word);
  return found;
}

/// The arrays in the queue and the runs of theirs that are not over.
class Queue {
 public:
  explicit Queue(const Plan& plan) : arrays_(read_arrays(plan)) {}

  void add(SlurmArray array) { arrays_.push_back(std::move(array)); }

  /// State by the run's folder. Arrays that are over are forgotten.
  std::map<std::string, std::string> states() {
    std::map<std::string, std::string> found;
    const auto tasks = queued_tasks();
    std::erase_if(arrays_, [&](const SlurmArray& array) {
      bool is_over = true;
      for (std::size_t i = 0; i < array.folders.size(); ++i) {
        const auto task = tasks.find({array.script, static_cast<int>(i)});
        if (task == tasks.end()) continue;
        found[array.folders[i]] = task->second;
        is_over = false;
      }
      if (is_over) std::filesystem::remove(array.record);
      return is_over;
    });
    return found;
  }

 private:
  std::vector<SlurmArray> arrays_;
};

void submit(const Plan& plan, const std::vector<const PlannedRun*>& runs,
            const SlurmSettings& settings, Queue& queue) {
  for (const PlannedRun* run : runs) {
    open_run_folder(*run);
    forget_failure(*run);
  }
  SlurmArray array = write_array(plan, runs, settings.launch);
  std::vector<std::string> options{kSignal, "--output=" + array.script + "-%a.out"};
  for (const std::string& word : words(settings.options)) options.push_back(word);
  submit_array(slurm_job_name(plan), array.script, runs.size(), options);
  queue.add(std::move(array));
}

/// A task that is over: finished, failed with what its log says, or to go on with next time.
RunOutcome conclude_task(const PlannedRun& run, const Plan& plan) {
  const int code = left_exit_code(run);
  RunOutcome outcome = read_outcome(run, plan);
  if (outcome.state == RunState::kFinished || code <= 0) return outcome;
  note_failure(run, tail_of(log_path(run)), code);
  return read_outcome(run, plan);
}

/// Follows runs until none is in the queue.
class Follower {
 public:
  Follower(const Plan& plan, std::vector<const PlannedRun*> runs, const RunEvents& events)
      : plan_(plan), runs_(std::move(runs)), events_(events) {}

  bool is_done() const { return runs_.empty(); }

  void update(const std::map<std::string, std::string>& states) {
    std::vector<const PlannedRun*> running;
    std::vector<const PlannedRun*> left;
    for (const PlannedRun* run : runs_) {
      const auto state = states.find(run->folder);
      if (state == states.end()) {
        events_.ended(*run, conclude_task(*run, plan_));
        continue;
      }
      left.push_back(run);
      if (state->second == "PENDING") continue;
      if (started_.insert(run).second) events_.started(*run);
      running.push_back(run);
    }
    runs_ = std::move(left);
    events_.tick(running);
  }

 private:
  const Plan& plan_;
  std::vector<const PlannedRun*> runs_;
  const RunEvents& events_;
  std::set<const PlannedRun*> started_;
};

}  // namespace

std::string slurm_job_name(const Plan& plan) {
  return "resnext-" + plan.table.name;
}

bool run_by_slurm(const Plan& plan, const std::vector<const PlannedRun*>& waiting,
                  const SlurmSettings& settings, StopRequests& stop, const RunEvents& events) {
  Queue queue(plan);
  const auto queued = queue.states();
  std::vector<const PlannedRun*> fresh;
  std::ranges::copy_if(waiting, std::back_inserter(fresh),
                       [&](const PlannedRun* run) { return !queued.contains(run->folder); });
  if (!fresh.empty()) submit(plan, fresh, settings, queue);
  Follower follower(plan, waiting, events);
  int failures = 0;
  for (int pause = kFirstPollMilliseconds; !follower.is_done();) {
    stop.wait(pause);
    if (stop.count() > 0) return false;
    pause = std::min(2 * pause, kSlowestPollMilliseconds);
    try {
      follower.update(queue.states());
      failures = 0;
    } catch (const std::runtime_error&) {
      if (++failures == kPollTries) throw;
    }
  }
  return true;
}

}  // namespace resnext::ablations
