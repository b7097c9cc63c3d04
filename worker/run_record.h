#pragma once
// What a run leaves behind: the result file, the checkpoints and the lines it prints. Rank 0 only;
// on other ranks every call does nothing.

#include <chrono>
#include <memory>
#include <optional>

#include "worker/checkpoint.h"
#include "worker/evaluation/evaluator.h"
#include "worker/progress.h"
#include "worker/setup.h"
#include "worker/training_state.h"

namespace resnext::worker {

class RunRecord {
 public:
  /// Checks that result file and checkpoint folder can be written. `setup` must outlive the record.
  RunRecord(const Setup& setup, int rank, int ranks, std::uint64_t first_step);

  /// Rewrites the result file.
  void publish(const TrainingState& state);
  /// To be called after each step: the same, if the last time is some seconds ago. Throws, too,
  /// what has gone wrong with the checkpoint in the background.
  void publish_now_and_then(const TrainingState& state);

  /// Writes a checkpoint in the background, and the result file.
  void checkpoint(const TrainingState& state);

  /// Ends the run's files: waits for the last checkpoint, marks the result as finished or stopped.
  void finish(const TrainingState& state, bool finished);

  Progress& progress() { return *progress_; }

 private:
  nlohmann::json attributes() const;
  nlohmann::json summary(const TrainingState& state) const;

  const Setup& setup_;
  const bool active_;
  const nlohmann::json provenance_;
  std::unique_ptr<Progress> progress_;
  std::unique_ptr<CheckpointWriter> checkpoints_;
  std::chrono::steady_clock::time_point start_, published_;
  bool finished_ = false;
};

}  // namespace resnext::worker
