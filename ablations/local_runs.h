#pragma once
// Trains a plan's runs on this machine or on hosts, several at once on slots of their own.

#include <functional>
#include <string>
#include <vector>

#include "ablations/plan.h"
#include "ablations/run_outcome.h"
#include "ablations/slots.h"
#include "ablations/stop_requests.h"

namespace resnext::ablations {

struct LocalSettings {
  std::vector<Slot> slots;
  /// resnext-launch's line up to the worker's options, for a slot.
  std::function<std::vector<std::string>(const Slot&)> launch;
};

/// Told of what happens; called from the one thread there is.
struct RunEvents {
  std::function<void(const PlannedRun&)> started;
  std::function<void(const PlannedRun&, const RunOutcome&)> ended;
  /// Some times a second: the runs under way.
  std::function<void(const std::vector<const PlannedRun*>&)> tick;
};

/// Runs those of `waiting` in their order; a run that fails does not stop the others. At the first
/// stop request no more are started, and those under way write their checkpoints and end; further
/// ones are passed on, which kills. Returns whether it came to the end.
bool run_locally(const Plan& plan, const std::vector<const PlannedRun*>& waiting,
                 const LocalSettings& settings, StopRequests& stop, const RunEvents& events);

}  // namespace resnext::ablations
