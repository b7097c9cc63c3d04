#include "worker/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "worker/finite.h"
#include "worker/moving_average.h"
#include "worker/schedule.h"

namespace resnext::worker {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

template <typename Work>
double seconds_of(const Work& work) {
  const Clock::time_point start = Clock::now();
  work();
  return seconds_since(start);
}

float loss_scale(std::size_t global_batch) {
  return 1.0F / static_cast<float>(global_batch);
}

}  // namespace

Trainer::Trainer(Setup& setup, const Communicator& communicator, net::StepEngine& steps,
                 TrainingState& state)
    : setup_(setup),
      communicator_(communicator),
      state_(state),
      local_batches_(setup.options.micro_batches() / communicator.size()),
      steps_(steps),
      loader_(setup, communicator.rank() * local_batches_, local_batches_, state_.step) {
  if (setup.validation) {
    evaluator_ = std::make_unique<Evaluator>(setup, communicator);
  }
  if (!state_.momentum.empty()) steps_.set_momentum(state_.momentum);
  state_.momentum = std::vector<float>();  // the engine holds it, sharded; {} would keep the memory
  share_average(communicator, state_);
}

bool Trainer::validation_is_due() const {
  return evaluator_ && state_.step > 0 &&
         (state_.step == setup_.total_steps || state_.step % setup_.validation_steps == 0);
}

/// Whether the run was stopped before the evaluation that was due at its present step. Collective.
bool Trainer::validation_is_pending() const {
  const std::vector<std::uint64_t>& done = state_.validation.step;
  const bool pending = validation_is_due() && (done.empty() || done.back() != state_.step);
  return communicator_.maximum(communicator_.rank() == 0 && pending ? 1 : 0) != 0;
}

TrainingOutcome Trainer::run(RunRecord& record) {
  TrainingOutcome outcome;
  if (validation_is_pending()) {
    outcome.stop_signal = validate(record);
    if (outcome.stop_signal == 0) write_checkpoint(record);
  }
  while (state_.step < setup_.total_steps && outcome.stop_signal == 0) {
    const Clock::time_point start = Clock::now();
    const StepTotals totals = train_step(state_.step);
    ++state_.step;
    record_step(record, totals, seconds_since(start), loader_.take_wait_seconds());
    outcome.stop_signal = totals.stop_signal;
    const bool last = state_.step == setup_.total_steps;
    const bool due = last || state_.step % setup_.options.checkpoint_every == 0;
    double stall = 0;  // of a checkpoint
    if (due || outcome.stop_signal != 0) {
      stall = seconds_of([&] {
        steps_.refresh_host();
        require_finite_weights();
      });
    } else if (validation_is_due()) {
      steps_.refresh_host();
    }
    // A run that is to stop has no time for it; it is made up for when the run goes on.
    if (outcome.stop_signal == 0 && validation_is_due()) outcome.stop_signal = validate(record);
    if (due || outcome.stop_signal != 0) {
      stall += seconds_of([&] { write_checkpoint(record); });
      record.note_checkpoint_stall(stall);
    }
  }
  outcome.steps = state_.step;
  const ValidationHistory& history = state_.validation;
  if (!history.top1_error.empty()) outcome.top1_error = history.top1_error.back();
  return outcome;
}

Trainer::StepTotals Trainer::train_step(std::uint64_t step) {
  const double learning_rate = learning_rate_at(setup_.options.schedule, step);
  steps_.begin(static_cast<float>(learning_rate));
  const std::size_t global_batch = loader_.global_batch(step);
  for (int local = 0; local < local_batches_; ++local) train_batch(local, global_batch);
  if (steps_.takes_batches_early() && step + 1 < setup_.total_steps) announce_next(step + 1);
  steps_.finish();
  move_averages();
  return exchange_reports();
}

/// Does what may fail on this rank alone. The rank then goes through the step's collectives all the
/// same, so that nobody is left waiting, and all stop together at the step's report.
template <typename Work>
void Trainer::attempt(const Work& work) {
  try {
    work();
  } catch (const std::exception& error) {
    if (!failure_) failure_ = error.what();
  }
}

/// The next micro-batch; without images where none could be read, or too few were left for all
/// replicas.
net::Batch Trainer::next_batch() {
  net::Batch batch;
  attempt([&] {
    const data::LoadedBatch& loaded = loader_.next();
    batch = {static_cast<int>(loaded.labels.size()), {}, loaded.labels, loaded.values};
  });
  return batch;
}

void Trainer::train_batch(int local, std::size_t global_batch) {
  const net::Batch batch = announced_ ? *announced_ : next_batch();
  announced_.reset();
  // Replica 0's first batches: its statistics move with each, as PyTorch's would.
  const bool keeps_statistics = communicator_.rank() == 0 && local < setup_.options.accumulate;
  steps_.train(batch, loss_scale(global_batch), keeps_statistics);
}

/// While the device computes the step, the next one's first batch is brought to it.
void Trainer::announce_next(std::uint64_t step) {
  announced_ = next_batch();
  steps_.announce(*announced_, loss_scale(loader_.global_batch(step)));
}

std::vector<Trainer::BatchReport> Trainer::own_reports() const {
  std::vector<BatchReport> reports;
  for (const net::BatchMetrics& metrics : steps_.metrics()) {
    reports.push_back({metrics.loss_sum, metrics.top1_correct, metrics.images, stop_.received(),
                       failure_ ? 1 : 0});
  }
  return reports;
}

Trainer::StepTotals Trainer::exchange_reports() {
  const std::vector<BatchReport> own = own_reports();
  std::vector<BatchReport> all(setup_.options.micro_batches());
  const int bytes = static_cast<int>(own.size() * sizeof(BatchReport));
  MPI_Request request = MPI_REQUEST_NULL;
  check_mpi(MPI_Iallgather(own.data(), bytes, MPI_BYTE, all.data(), bytes, MPI_BYTE,
                           communicator_.get(), &request),
            "MPI_Iallgather");
  communicator_.wait(request, fmt::format("the report of step {}", state_.step + 1));
  const auto failed = [](const BatchReport& report) { return report.failed != 0; };
  if (std::any_of(all.begin(), all.end(), failed)) communicator_.fail_together(failure_);
  StepTotals totals;
  for (const BatchReport& report : all) {  // in the replicas' order, so that the sum is the same
    totals.loss_sum += report.loss_sum;
    totals.top1_correct += report.top1_correct;
    totals.images += report.images;
    if (report.stop_signal != 0) totals.stop_signal = static_cast<int>(report.stop_signal);
  }
  return totals;
}

/// Every rank averages all weights, which costs it little; rank 0 has the statistics.
void Trainer::move_averages() {
  const double decay = setup_.options.ema_decay;
  if (decay == 0) return;
  steps_.refresh_host();
  move_average(decay, state_.parameters, state_.average);
  if (communicator_.rank() == 0) {
    move_average(decay, state_.statistics, state_.average_statistics);
  }
}

void Trainer::throw_diverged(const std::string& what, double learning_rate) const {
  throw AgreedFailure(
      fmt::format("{} is not finite at step {} (learning rate {:g}): the run has diverged; try a "
                  "lower --learning-rate; checkpoints of earlier steps are untouched",
                  what, state_.step, learning_rate));
}

void Trainer::record_step(RunRecord& record, const StepTotals& totals, double seconds,
                          double wait) {
  const double learning_rate = learning_rate_at(setup_.options.schedule, state_.step - 1);
  if (!std::isfinite(totals.loss_sum)) {
    throw_diverged("the loss", learning_rate);
  }
  if (communicator_.rank() != 0) return;
  const double images = double(totals.images);
  TrainingHistory& history = state_.training;
  history.step.push_back(state_.step);
  history.epoch.push_back(double(state_.step) / double(setup_.steps_per_epoch));
  history.loss.push_back(totals.loss_sum / images);
  history.top1_error.push_back(100 * (1 - double(totals.top1_correct) / images));
  history.learning_rate.push_back(learning_rate);
  history.images_per_second.push_back(images / seconds);
  history.data_wait.push_back(std::min(1.0, wait / seconds));
  if (setup_.options.clip_gradient_norm > 0) {
    history.gradient_norm.push_back(steps_.gradient_norm());
  }
  record.progress().add({state_.step, totals.loss_sum, totals.top1_correct, totals.images,
                         learning_rate, seconds, wait},
                        is_epoch_end() || state_.step == setup_.total_steps);
  attempt([&] { record.publish_now_and_then(state_); });
}

/// All ranks hold the same weights, so they agree.
void Trainer::require_finite_weights() const {
  if (!all_finite(state_.parameters))
    throw_diverged("a weight", learning_rate_at(setup_.options.schedule, state_.step - 1));
}

/// Of the averaged weights, where there are such. Returns the signal for which it was given up, or
/// 0.
int Trainer::validate(RunRecord& record) {
  const bool averaged = setup_.options.ema_decay > 0;
  std::vector<float>& statistics = averaged ? state_.average_statistics : state_.statistics;
  statistics.resize(setup_.graph.statistic_count);
  communicator_.broadcast(std::span<float>(statistics));
  net::Engine& engine = steps_.engine();
  engine.set_parameters(averaged ? state_.average : state_.parameters);
  const auto evaluated = evaluator_->evaluate(engine, statistics, stop_);
  if (!evaluated) return static_cast<int>(communicator_.maximum(stop_.received()));
  if (communicator_.rank() != 0) return 0;
  const ValidationResult& result = *evaluated;
  record.note_evaluation(result);
  const double epoch = double(state_.step) / double(setup_.steps_per_epoch);
  add_evaluation(state_.step, epoch, result, state_.validation);
  record.progress().print(fmt::format("epoch {:6.2f}  validation{}: {}  ({} images)", epoch,
                                      averaged ? " of the averaged weights" : "", describe(result),
                                      result.images));
  attempt([&] { record.publish(state_); });
  return 0;
}

void Trainer::write_checkpoint(RunRecord& record) {
  if (setup_.options.checkpoint_dir.empty()) return;
  std::vector<float> momentum;
  attempt([&] { momentum = record.spare_momentum(); });
  momentum = steps_.gather_momentum(std::move(momentum));
  if (communicator_.rank() == 0) attempt([&] { record.checkpoint(state_, std::move(momentum)); });
}

void Trainer::finish(RunRecord& record, bool finished) {
  if (communicator_.rank() == 0) attempt([&] { record.finish(state_, finished); });
  communicator_.fail_together(failure_);
}

}  // namespace resnext::worker
