#include "worker/resume.h"

#include <array>
#include <optional>
#include <stdexcept>

#include <fmt/format.h>

#include "net/initialise.h"
#include "worker/checkpoint.h"
#include "worker/weights/weights.h"

namespace resnext::worker {
namespace {

void initialise(const Setup& setup, TrainingState& state) {
  state.parameters.resize(setup.graph.parameter_count);
  state.momentum.assign(setup.graph.parameter_count, 0.0F);
  state.statistics.resize(setup.graph.statistic_count);
  net::initialise_parameters(setup.graph, setup.options.seed, state.parameters);
  net::initialise_statistics(setup.graph, state.statistics);
}

std::optional<std::string> checkpoint_to_resume(const Options& options,
                                                std::vector<std::string>& notes) {
  if (options.resume == "never") return std::nullopt;
  if (options.resume != "auto") return options.resume;
  if (options.checkpoint_dir.empty()) return std::nullopt;
  std::vector<std::string> damaged;
  auto newest = find_newest_checkpoint(options.checkpoint_dir, damaged);
  for (const std::string& path : damaged)
    notes.push_back("passing over a damaged checkpoint: " + path);
  return newest;
}

void require_same_experiment(const Setup& setup, const std::string& path,
                             const CheckpointHeader& header, std::vector<std::string>& notes) {
  if (setup.options.eval_only) return;
  const std::string difference =
      experiment_difference(describe_experiment(setup), header.experiment);
  if (!difference.empty()) {
    throw std::runtime_error(
        fmt::format("cannot resume from {}: {}; use the same options, or --resume never with "
                    "another --checkpoint-dir",
                    path, difference));
  }
  const std::string engine = header.provenance.value("engine", "");
  if (engine != setup.device.engine) {
    notes.push_back(
        fmt::format("the checkpoint was made with {}, this is {}: the run goes on, but "
                    "its last bits may differ",
                    engine, setup.device.engine));
  }
}

StartingPoint read_starting_point(const Setup& setup) {
  StartingPoint start;
  const Options& options = setup.options;
  if (const auto path = checkpoint_to_resume(options, start.notes)) {
    Checkpoint checkpoint = read_checkpoint(*path, setup.graph);
    require_same_experiment(setup, *path, checkpoint.header, start.notes);
    start.state = std::move(checkpoint.state);
    start.notes.push_back(fmt::format("resuming from {} (step {})", *path, start.state.step));
    return start;
  }
  initialise(setup, start.state);
  if (!options.init.empty()) {
    Weights weights = read_weights(options.init, setup.graph, options.init_skip, options.seed);
    start.state.parameters = std::move(weights.parameters);
    start.state.statistics = std::move(weights.statistics);
    start.notes.push_back(fmt::format("weights and statistics from {}", weights.source));
  } else if (options.eval_only) {
    throw std::runtime_error(
        fmt::format("--eval-only: no checkpoint in {}", options.checkpoint_dir));
  }
  return start;
}

}  // namespace

StartingPoint find_starting_point(const Setup& setup, const Communicator& communicator) {
  StartingPoint start;
  std::optional<std::string> failure;
  if (communicator.rank() == 0) {
    try {
      start = read_starting_point(setup);
    } catch (const std::exception& error) {
      failure = error.what();
    }
  }
  if (communicator.first_failure(failure)) throw std::runtime_error(failure.value_or(""));
  TrainingState& state = start.state;
  state.parameters.resize(setup.graph.parameter_count);
  state.momentum.resize(setup.graph.parameter_count);
  state.statistics.resize(setup.graph.statistic_count);
  std::array<std::uint64_t, 1> step = {state.step};
  communicator.broadcast(std::span<std::uint64_t>(step));
  state.step = step[0];
  communicator.broadcast(std::span<float>(state.parameters));
  communicator.broadcast(std::span<float>(state.momentum));
  communicator.broadcast(std::span<float>(state.statistics));
  return start;
}

}  // namespace resnext::worker
