#pragma once
// What a run leaves behind: the result file, the checkpoints and the lines it prints. Rank 0 only;
// on other ranks every call does nothing.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "worker/checkpoint.h"
#include "worker/evaluation/evaluator.h"
#include "worker/progress.h"
#include "worker/setup.h"
#include "worker/training_state.h"

namespace resnext::worker {

class RunRecord {
 public:
  /// Checks that result file and checkpoint folder can be written. `setup` must outlive the record.
  RunRecord(const Setup& setup, int rank, int ranks, const TrainingState& start);

  /// Rewrites the result file.
  void publish(const TrainingState& state);
  /// To be called after each step: the same, if the last time is some seconds ago. Throws, too,
  /// what has gone wrong with the checkpoint in the background.
  void publish_now_and_then(const TrainingState& state);

  /// Memory of the last checkpoint's momentum, for the next one's; waits until it is written.
  std::vector<float> spare_momentum();

  /// Writes a checkpoint in the background, and then the result file. `momentum` is the whole one,
  /// which the state does not hold while it trains.
  void checkpoint(const TrainingState& state, std::vector<float> momentum);

  /// Notes, for the result file, what the last evaluation took.
  void note_evaluation(const ValidationResult& result);
  /// Notes for how long training stood still for a checkpoint, on this rank.
  void note_checkpoint_stall(double seconds);

  /// Ends the run's files: waits for the last checkpoint, marks the result as finished or stopped.
  void finish(const TrainingState& state, bool finished);

  Progress& progress() { return *progress_; }

 private:
  std::function<void(const TrainingState&)> publication(const TrainingState& state) const;
  nlohmann::json attributes() const;
  nlohmann::json summary(const TrainingState& state) const;
  double seconds() const;  ///< TrainingState::seconds, now

  const Setup& setup_;
  const bool active_;
  const nlohmann::json provenance_;
  std::unique_ptr<Progress> progress_;
  std::unique_ptr<CheckpointWriter> checkpoints_;
  std::chrono::steady_clock::time_point start_, published_;
  const double seconds_before_;              ///< of the state it starts from
  double validation_images_per_second_ = 0;  ///< 0: there was none
  int checkpoint_count_ = 0;
  double checkpoint_stall_seconds_ = 0;  ///< of all of them
  bool finished_ = false;
};

}  // namespace resnext::worker
