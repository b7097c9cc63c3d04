#pragma once
// The training loop of one rank.

#include <memory>
#include <optional>
#include <string>

#include "net/step_engine.h"
#include "worker/comm/communicator.h"
#include "worker/evaluation/evaluator.h"
#include "worker/run_record.h"
#include "worker/setup.h"
#include "worker/step_loader.h"
#include "worker/stop_signal.h"
#include "worker/training_state.h"

namespace resnext::worker {

/// What became of a run.
struct TrainingOutcome {
  std::uint64_t steps = 0;
  int stop_signal = 0;               ///< the signal that ended it early, or 0
  std::optional<double> top1_error;  ///< of the last evaluation, percent; on rank 0
};

class Trainer {
 public:
  /// `steps` works on the parameters and statistics of `state` (which is on every rank; histories
  /// and averages on rank 0); the momentum there moves into it. All four must outlive the trainer.
  /// Collective.
  Trainer(Setup& setup, const Communicator& communicator, net::StepEngine& steps,
          TrainingState& state);

  /// Trains to the end, or to a stop signal. `record` keeps results and checkpoints. Collective;
  /// what fails on one rank (a damaged sample, a full disk) ends the run on all of them within a
  /// step, as AgreedFailure.
  TrainingOutcome run(RunRecord& record);

  /// Completes the run's files. Collective: returns when rank 0 has them on disk.
  void finish(RunRecord& record, bool finished);

 private:
  /// What all ranks know of a step once it is done.
  struct StepTotals {
    double loss_sum = 0;
    std::int64_t top1_correct = 0;
    std::int64_t images = 0;
    int stop_signal = 0;
  };
  struct BatchReport {
    double loss_sum = 0;
    std::int64_t top1_correct = 0;
    std::int64_t images = 0;
    std::int64_t stop_signal = 0;
    std::int64_t failed = 0;
  };

  StepTotals train_step(std::uint64_t step);
  net::Batch next_batch();
  void train_batch(int local, std::size_t global_batch);
  void announce_next(std::uint64_t step);
  StepTotals exchange_reports();
  std::vector<BatchReport> own_reports() const;
  void move_averages();
  void record_step(RunRecord& record, const StepTotals& totals, double seconds, double wait);
  int validate(RunRecord& record);
  bool validation_is_due() const;
  bool validation_is_pending() const;
  void write_checkpoint(RunRecord& record);
  void require_finite_weights() const;
  [[noreturn]] void throw_diverged(const std::string& what, double learning_rate) const;
  template <typename Work>
  void attempt(const Work& work);
  bool is_epoch_end() const { return state_.step % setup_.steps_per_epoch == 0; }

  Setup& setup_;
  const Communicator& communicator_;
  TrainingState& state_;
  const int local_batches_;  ///< micro-batches of this rank in a step
  net::StepEngine& steps_;
  std::unique_ptr<Evaluator> evaluator_;
  StepLoader loader_;
  std::optional<net::Batch> announced_;  ///< loaded, and known to the engine; not yet trained on
  StopSignal stop_;
  std::optional<std::string> failure_;  ///< of this rank alone, until the next report tells all
};

}  // namespace resnext::worker
