#include "worker/run_record.h"

#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "net/complexity.h"
#include "worker/result_file.h"

namespace resnext::worker {
namespace {

constexpr std::chrono::seconds kPublishEvery{20};

std::string join(const std::vector<float>& values) {
  return fmt::format("{}", fmt::join(values, ","));
}

}  // namespace

RunRecord::RunRecord(const Setup& setup, int rank, int ranks, const TrainingState& start)
    : setup_(setup),
      active_(rank == 0),
      provenance_(describe_provenance(setup.device, ranks)),
      start_(std::chrono::steady_clock::now()),
      published_(start_),
      seconds_before_(setup.options.eval_only ? 0 : start.seconds) {
  progress_ = std::make_unique<Progress>(setup.options.log_every, is_live(setup.options.progress),
                                         start.step, setup.total_steps, setup.steps_per_epoch);
  if (!active_) return;
  const Options& o = setup.options;
  if (!o.out.empty()) check_result_path(o.out);
  if (!o.checkpoint_dir.empty() && !o.eval_only) {
    checkpoints_ = std::make_unique<CheckpointWriter>(o.checkpoint_dir, o.keep_checkpoints);
  }
}

void RunRecord::publish(const TrainingState& state) {
  if (!active_ || setup_.options.out.empty()) return;
  if (checkpoints_) checkpoints_->wait();  // it publishes, too
  publish_result(setup_.options.out, {attributes(), summary(state)}, state.training,
                 state.validation);
  published_ = std::chrono::steady_clock::now();
}

void RunRecord::publish_now_and_then(const TrainingState& state) {
  if (checkpoints_) checkpoints_->check();
  if (std::chrono::steady_clock::now() - published_ >= kPublishEvery) publish(state);
}

std::vector<float> RunRecord::spare_momentum() {
  return checkpoints_ ? checkpoints_->take_spare_momentum() : std::vector<float>();
}

void RunRecord::checkpoint(const TrainingState& state, std::vector<float> momentum) {
  if (!checkpoints_) return;
  TrainingState copy = checkpoints_->take_spare();
  copy = state;  // into the memory of the last checkpoint's
  copy.momentum = std::move(momentum);
  copy.seconds = seconds();
  checkpoints_->write(setup_.graph, std::move(copy),
                      {describe_experiment(setup_), provenance_, setup_.dataset().class_names},
                      publication(state));
  published_ = std::chrono::steady_clock::now();
}

/// To be called in the background: what it says was gathered here.
std::function<void(const TrainingState&)> RunRecord::publication(const TrainingState& state) const {
  if (setup_.options.out.empty()) return {};
  return [path = setup_.options.out, description = ResultDescription{attributes(), summary(state)}](
             const TrainingState& copy) {
    publish_result(path, description, copy.training, copy.validation);
  };
}

void RunRecord::note_evaluation(const ValidationResult& result) {
  validation_images_per_second_ = double(result.images) / result.seconds;
}

void RunRecord::note_checkpoint_stall(double seconds) {
  if (!checkpoints_) return;
  ++checkpoint_count_;
  checkpoint_stall_seconds_ += seconds;
}

void RunRecord::finish(const TrainingState& state, bool finished) {
  finished_ = finished;
  if (checkpoints_) checkpoints_->wait();
  publish(state);
}

nlohmann::json RunRecord::attributes() const {
  const Options& o = setup_.options;
  const net::Complexity complexity = net::graph_complexity(setup_.graph);
  nlohmann::json json = describe_experiment(setup_);
  json["mean"] = join(o.mean);
  json["deviation"] = join(o.deviation);
  if (json.contains("milestones")) {
    json["milestones"] = fmt::format("{}", fmt::join(o.schedule.milestones, ","));
  }
  json["total-steps"] = setup_.total_steps;
  json["steps-per-epoch"] = setup_.steps_per_epoch;
  json["dataset"] = setup_.dataset().name;
  json["dataset-size"] = setup_.dataset().size;
  json["validation-dataset"] = setup_.validation ? setup_.validation->info().name : "";
  json["validation-identity"] = setup_.validation ? setup_.validation->info().identity : "";
  if (setup_.validation) {
    json["validation-classes"] = setup_.validation->info().classes();
    json.update(attributes_of(o.protocol));
  }
  json["scale"] = o.scale;
  json["recipe"] = o.recipe;
  json["parameters"] = complexity.parameters;
  json["multiply-adds"] = complexity.multiply_adds;
  if (o.nondeterministic) json["nondeterministic"] = "on";
  json.update(provenance_);
  return json;
}

double RunRecord::seconds() const {
  return seconds_before_ +
         std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

nlohmann::json RunRecord::summary(const TrainingState& state) const {
  nlohmann::json json = {{"finished", finished_},
                         {"steps", state.step},
                         {"epochs", double(state.step) / double(setup_.steps_per_epoch)},
                         {"seconds", seconds()}};
  if (!state.training.loss.empty()) json["training_loss"] = state.training.loss.back();
  if (!state.validation.top1_error.empty()) {
    json["validation_top1_error"] = state.validation.top1_error.back();
    json["validation_top5_error"] = state.validation.top5_error.back();
    json["validation_loss"] = state.validation.loss.back();
    const ValidationHistory& validation = state.validation;
    if (!validation.restricted_top1_error.empty()) {
      json["validation_restricted_top1_error"] = validation.restricted_top1_error.back();
      json["validation_restricted_top5_error"] = validation.restricted_top5_error.back();
    }
  }
  if (validation_images_per_second_ > 0) {
    json["validation_images_per_second"] = validation_images_per_second_;
  }
  if (checkpoint_count_ > 0) {
    json["checkpoints"] = checkpoint_count_;
    json["checkpoint_stall_seconds"] = checkpoint_stall_seconds_;
  }
  return json;
}

}  // namespace resnext::worker
