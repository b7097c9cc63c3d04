#include "ablations/run_outcome.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "ablations/log_file.h"
#include "data/durable_file.h"
#include "data/hdf5.h"

namespace resnext::ablations {
namespace {

namespace fs = std::filesystem;
namespace hdf5 = data::hdf5;

std::string fingerprint_path(const PlannedRun& run) {
  return run.folder + "/fingerprint.json";
}
std::string failure_path(const PlannedRun& run) {
  return run.folder + "/failure.json";
}

std::optional<nlohmann::json> read_json(const std::string& path) {
  std::ifstream file(path);
  if (!file) return std::nullopt;
  const auto value = nlohmann::json::parse(file, nullptr, false);
  return value.is_object() ? std::optional(value) : std::nullopt;
}

double number(const hdf5::File& file, const std::string& object, const std::string& name) {
  if (!file.has_attribute(object, name)) return std::nan("");
  const hdf5::Attribute value = file.attribute(object, name);
  if (const auto* real = std::get_if<double>(&value)) return *real;
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return double(*integer);
  return std::nan("");
}

bool is_finished(const hdf5::File& file) {
  if (!file.exists("/summary") || !file.has_attribute("/summary", "finished")) return false;
  const hdf5::Attribute value = file.attribute("/summary", "finished");
  const auto* finished = std::get_if<bool>(&value);
  return finished != nullptr && *finished;
}

/// What the result says of itself that contradicts the plan; empty where nothing does.
std::string contradiction(const hdf5::File& file, const PlannedRun& run, const Plan& plan) {
  std::vector<std::string> wrong;
  const auto expect = [&](const std::string& name, const std::string& value) {
    const std::string found = file.has_attribute("/", name) ? file.string_attribute("/", name) : "";
    if (found != value) wrong.push_back(fmt::format("{} is '{}', not '{}'", name, found, value));
  };
  expect("model", run.model);
  expect("scale", plan.scale.name);
  if (!run.shards.training.empty()) expect("data", run.shards.training_identity);
  if (file.integer_attribute("/", "seed") != run.seed) wrong.emplace_back("seed is another");
  if (file.integer_attribute("/", "parameters") !=
      static_cast<std::int64_t>(run.complexity.parameters)) {
    wrong.emplace_back("parameters are others");
  }
  return fmt::format("{}", fmt::join(wrong, "; "));
}

/// The numbers of the columns on this run's data; nullopt where an evaluation is not done yet.
std::optional<std::map<std::string, double>> read_values(const hdf5::File& result,
                                                         const PlannedRun& run, const Plan& plan) {
  std::map<std::string, double> values;
  for (const Column& column : plan.columns) {
    if (column.on != run.on) continue;
    if (column.evaluate.empty()) {
      values[column.name] = number(result, "/summary", column.metric);
      continue;
    }
    const std::string path = evaluation_path(run, column.name);
    if (!fs::exists(path)) return std::nullopt;
    const auto evaluation = hdf5::File::open(path);
    if (!is_finished(evaluation)) return std::nullopt;
    values[column.name] = number(evaluation, "/summary", column.metric);
  }
  return values;
}

RunOutcome read_result(const PlannedRun& run, const Plan& plan) {
  const auto file = hdf5::File::open(result_path(run));
  RunOutcome outcome;
  outcome.state = RunState::kPartial;
  if (!is_finished(file)) return outcome;
  if (const std::string wrong = contradiction(file, run, plan); !wrong.empty()) {
    outcome.state = RunState::kFailed;
    outcome.error =
        fmt::format("{} is not of this run ({}); remove its folder", result_path(run), wrong);
    return outcome;
  }
  outcome.seconds = number(file, "/summary", "seconds");
  outcome.device_seconds = outcome.seconds * number(file, "/", "ranks");
  const auto values = read_values(file, run, plan);
  if (!values) return outcome;
  outcome.values = *values;
  outcome.state = RunState::kFinished;
  for (const auto& [column, value] : *values) {
    if (std::isfinite(value)) continue;
    outcome.state = RunState::kDiverged;
    outcome.error = fmt::format("{} is no number", column);
  }
  return outcome;
}

bool has_checkpoint(const PlannedRun& run) {
  return fs::is_directory(checkpoint_folder(run)) && !fs::is_empty(checkpoint_folder(run));
}

}  // namespace

std::string describe(RunState state) {
  switch (state) {
    case RunState::kWaiting:
      return "waiting";
    case RunState::kPartial:
      return "begun";
    case RunState::kFinished:
      return "finished";
    case RunState::kDiverged:
      return "diverged";
    case RunState::kFailed:
      return "failed";
  }
  return "";
}

RunOutcome read_outcome(const PlannedRun& run, const Plan& plan) {
  RunOutcome outcome;
  const auto stored = read_json(fingerprint_path(run));
  if (!stored) return outcome;
  if (*stored != run.identity) {
    outcome.state = RunState::kFailed;
    outcome.error = fmt::format("{} is of another {}; remove its folder", fingerprint_path(run),
                                difference(*stored, run.identity));
    return outcome;
  }
  if (const auto failure = read_json(failure_path(run))) {
    outcome.state = failure->value("diverged", false) ? RunState::kDiverged : RunState::kFailed;
    outcome.error = failure->value("error", "");
    return outcome;
  }
  try {
    if (fs::exists(result_path(run))) return read_result(run, plan);
  } catch (const std::runtime_error& error) {
    outcome.state = RunState::kFailed;
    outcome.error = error.what();
    return outcome;
  }
  if (has_checkpoint(run)) outcome.state = RunState::kPartial;
  return outcome;
}

void open_run_folder(const PlannedRun& run) {
  fs::create_directories(checkpoint_folder(run));
  const auto stored = read_json(fingerprint_path(run));
  if (stored && *stored != run.identity) {
    throw std::runtime_error(fmt::format("{} is of another {}; remove its folder",
                                         fingerprint_path(run), difference(*stored, run.identity)));
  }
  if (!stored) data::replace_file(fingerprint_path(run), run.identity.dump(2) + "\n");
}

void note_failure(const PlannedRun& run, const std::string& log, int exit_code) {
  std::string error = last_error_line(log);
  if (error.empty()) error = fmt::format("it ended with code {} and said nothing", exit_code);
  const bool diverged = error.find("the run has diverged") != std::string::npos;
  const nlohmann::json note{{"diverged", diverged}, {"error", error}, {"exit_code", exit_code}};
  data::replace_file(failure_path(run), note.dump(2) + "\n");
}

void forget_failure(const PlannedRun& run) {
  std::error_code ignored;
  fs::remove(failure_path(run), ignored);
}

}  // namespace resnext::ablations
