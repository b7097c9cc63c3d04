#pragma once
// How far a run is, from the files in its folder alone: the same after any kill, and while another
// process runs it.

#include <map>
#include <string>

#include "ablations/plan.h"

namespace resnext::ablations {

enum class RunState {
  kWaiting,   ///< nothing there
  kPartial,   ///< it has begun, and goes on from its checkpoint
  kFinished,  ///< trained and evaluated
  kDiverged,  ///< its loss or an error is no number: deterministic, so not tried again
  kFailed,    ///< it ended with an error: tried again by the next sweep
};

/// "finished"
std::string describe(RunState state);

struct RunOutcome {
  RunState state = RunState::kWaiting;
  std::string error;                     ///< of a failed or diverged run
  std::map<std::string, double> values;  ///< by column, of a finished run
  double seconds = 0;                    ///< of training
  double device_seconds = 0;             ///< times its ranks
};

/// Reads what is there. A result that is not of this very run counts as failed, with what differs.
RunOutcome read_outcome(const PlannedRun& run, const Plan& plan);

/// Makes the folder and writes the fingerprint into it. Throws std::runtime_error when another
/// fingerprint is there.
void open_run_folder(const PlannedRun& run);

/// Notes how a run failed. `log` is what it last printed.
void note_failure(const PlannedRun& run, const std::string& log, int exit_code);

/// Removes the note, for another try.
void forget_failure(const PlannedRun& run);

}  // namespace resnext::ablations
