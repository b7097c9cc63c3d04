// resnext-worker: one rank's life. Options → data → train or evaluate → checkpoint → results.

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include "cli/program.h"
#include "net/wait_timeout.h"
#include "worker/comm/communicator.h"
#include "worker/comm/roll_call.h"
#include "worker/device/device_choice.h"
#include "worker/engines.h"
#include "worker/moving_average.h"
#include "worker/options.h"
#include "worker/resume.h"
#include "worker/run_record.h"
#include "worker/trainer.h"

namespace resnext::worker {
namespace {

/// Threads beyond the processors that mpirun's binding leaves to this rank only get in each other's
/// way: a mistake worth a line, as `mpirun -np 1` binds its rank to a single core.
void warn_of_binding(const Options& options, Progress& progress) {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  const int processors = CPU_COUNT(&allowed);
  const auto online = sysconf(_SC_NPROCESSORS_ONLN);
  if (options.threads <= processors || processors >= online) return;
  progress.print(
      fmt::format("note: --threads {}, but mpirun has bound this rank to {} of {} processors; use "
                  "resnext-launch, "
                  "or mpirun --map-by slot:PE={} (or --bind-to none)",
                  options.threads, processors, online, options.threads));
}

/// "2 ranks of 4 threads", or of one GPU each.
std::string describe_ranks(const Setup& setup, int ranks) {
  const Options& o = setup.options;
  std::string text = fmt::format("{} rank{} of ", ranks, ranks == 1 ? "" : "s");
  if (setup.device.is_gpu()) {
    text += fmt::format("one GPU{} ({}), {}", ranks == 1 ? "" : " each", setup.device.name,
                        o.precision);
  } else {
    text += fmt::format("{} thread{}", o.threads, o.threads == 1 ? "" : "s");
  }
  return text;
}

void describe_run(const Setup& setup, const Communicator& world, Progress& progress) {
  const Options& o = setup.options;
  if (o.data.empty() && !o.eval_only) {
    progress.print(
        fmt::format("no --data given: training on the built-in synthetic set ({} images, "
                    "{} classes)",
                    setup.dataset().size, setup.graph.classes));
  }
  progress.print(fmt::format(
      "{}: {} parameters, input {}x{}x{}, {} classes; {} replicas of {}{} images on {}", o.model,
      setup.graph.parameter_count, setup.graph.input.channels, o.image_size, o.image_size,
      setup.graph.classes, o.replicas, o.accumulate == 1 ? "" : fmt::format("{} x ", o.accumulate),
      o.batch_per_replica, describe_ranks(setup, world.size())));
  if (!setup.device.is_gpu()) warn_of_binding(o, progress);
}

std::string describe_outcome(const Setup& setup, const TrainingOutcome& outcome) {
  const Options& o = setup.options;
  if (outcome.stop_signal != 0) {
    return fmt::format(
        "stopped by signal {} ({}) after step {} of {}{}", outcome.stop_signal,
        strsignal(outcome.stop_signal), outcome.steps, setup.total_steps,
        o.checkpoint_dir.empty()
            ? "; nothing saved, as no --checkpoint-dir was given"
            : "; the same command goes on from the checkpoint in " + o.checkpoint_dir);
  }
  std::string text = fmt::format("done: {} steps", outcome.steps);
  if (outcome.top1_error) {
    text += fmt::format(", validation top-1 error {:.2f}%{} on {} images", *outcome.top1_error,
                        o.ema_decay > 0 ? " of the averaged weights" : "",
                        setup.validation->info().size);
  }
  if (!o.out.empty()) text += fmt::format("; results in {}", o.out);
  return text;
}

void train(Setup& setup, const Communicator& world, std::unique_ptr<net::Engine> engine,
           TrainingState state, RunRecord& record) {
  const auto steps = make_step_engine(setup, world, std::move(engine), state);
  Trainer trainer(setup, world, *steps, state);
  const TrainingOutcome outcome = trainer.run(record);
  trainer.finish(record, outcome.stop_signal == 0);
  if (world.rank() == 0) record.progress().print(describe_outcome(setup, outcome));
}

/// Runs a stage that may fail on one rank alone; all ranks then fail together, rank 0 speaking.
template <typename Stage>
auto agree(const Communicator& world, const Stage& stage) -> decltype(stage()) {
  std::optional<std::string> failure;
  std::int64_t not_usage = 0;
  std::optional<decltype(stage())> result;
  try {
    result.emplace(stage());
  } catch (const net::WaitTimeout&) {
    throw;  // there is no agreeing with ranks that do not come
  } catch (const cli::UsageError& error) {
    failure = error.what();
  } catch (const std::exception& error) {
    failure = error.what();
    not_usage = 1;
  }
  const auto first = world.first_failure(failure);
  if (!first) return std::move(*result);
  world.sum(std::span(&not_usage, 1));
  if (not_usage == 0) throw cli::UsageError(*first);
  throw AgreedFailure(*first);
}

void evaluate(Setup& setup, const Communicator& world, net::Engine& engine, StartingPoint start,
              RunRecord& record) {
  // As it was evaluated while it trained.
  const bool averaged = share_average(world, start.state);
  if (averaged) {
    start.state.parameters = std::move(start.state.average);
    start.state.statistics = std::move(start.state.average_statistics);
  }
  engine.set_parameters(start.state.parameters);
  Evaluator evaluator(setup, world);
  const ValidationResult result = evaluator.evaluate(engine, start.state.statistics);
  record.note_evaluation(result);
  start.state.validation = {};
  add_evaluation(start.state.step, 0.0, result, start.state.validation);
  agree(world, [&] {
    record.finish(start.state, true);
    return true;
  });
  if (world.rank() != 0) return;
  record.progress().print(fmt::format("evaluated {} images{}, {}: {}", result.images,
                                      averaged ? " with the averaged weights" : "",
                                      describe(setup.options.protocol), describe(result)));
}

int run(Communicator& world, std::optional<RollCall>& roll_call,
        const std::vector<std::string>& arguments) {
  const ParsedOptions parsed = parse_options(arguments);
  world.set_timeout(std::chrono::seconds(parsed.options.timeout_seconds));
  if (parsed.information) {
    if (world.rank() == 0) fmt::print("{}", parsed.information->text);
    return cli::kSuccess;
  }
  roll_call.emplace(world);
  Setup setup = agree(world, [&] { return prepare(parsed.options, world.size()); });
  ChosenDevice chosen = agree(world, [&] { return choose_device(setup.options, world); });
  setup.device = std::move(chosen.device);
  StartingPoint start = agree(world, [&] { return find_starting_point(setup, world); });
  auto record = agree(world, [&] {
    return std::make_unique<RunRecord>(setup, world.rank(), world.size(), start.state);
  });
  if (world.rank() == 0) {
    describe_run(setup, world, record->progress());
    for (const std::string& note : chosen.notes) record->progress().print(note);
    for (const std::string& note : start.notes) record->progress().print(note);
  }
  auto engine = agree(world, [&] { return compile_engine(setup, world.size()); });
  if (setup.options.eval_only) {
    evaluate(setup, world, *engine, std::move(start), *record);
  } else {
    train(setup, world, std::move(engine), std::move(start.state), *record);
  }
  return cli::kSuccess;
}

/// Ends the job for a failure of this rank alone. Where it took several ranks (a stuck one, a
/// broken network), the lowest speaks and ends the others before they have their say.
void abort_all(const Communicator& world, const std::string& message) {
  // mpirun sends SIGKILL two seconds after an abort.
  std::this_thread::sleep_for(std::chrono::seconds(4) * std::min(world.rank(), kSpeakers - 1));
  fmt::print(stderr, "resnext-worker: error: rank {}: {}\n", world.rank(), message);
  std::fflush(stderr);
  MPI_Abort(world.get(), cli::kFailure);
}

/// What a rank says that waited too long. It listens a little longer the longer it has waited:
/// others began to wait later.
std::string with_the_missing(const net::WaitTimeout& error, std::optional<RollCall>& roll_call) {
  if (!roll_call) return error.what();
  const auto patience = std::chrono::seconds(2) + error.waited() / 60;
  const std::string missing = roll_call->hold(error.operation(), patience);
  return missing.empty() ? error.what() : fmt::format("{}; {}", error.what(), missing);
}

/// One line and one exit code for all ranks where they fail together; a rank that fails alone says
/// so and takes the others with it.
int run_rank(const std::vector<std::string>& arguments) {
  Communicator world;
  std::optional<RollCall> roll_call;
  const auto say = [&](const std::string& message) {
    if (world.rank() == 0) fmt::print(stderr, "resnext-worker: error: {}\n", message);
  };
  try {
    return run(world, roll_call, arguments);
  } catch (const cli::UsageError& error) {
    say(error.what());
    return cli::kUsage;
  } catch (const AgreedFailure& error) {
    say(error.what());
    return cli::kFailure;
  } catch (const net::WaitTimeout& error) {
    abort_all(world, with_the_missing(error, roll_call));
    return cli::kFailure;
  } catch (const std::exception& error) {
    abort_all(world, error.what());
    return cli::kFailure;
  }
}

}  // namespace
}  // namespace resnext::worker

int main(int argc, char** argv) {
  return resnext::cli::run_program("resnext-worker", argc, argv, [&](const auto& arguments) {
    std::signal(SIGXFSZ,
                SIG_IGN);  // a file-size limit is then an error of write(), like a full disk
    std::signal(SIGPIPE, SIG_IGN);
    const resnext::worker::MpiSession session(&argc, &argv);
    return resnext::worker::run_rank(arguments);
  });
}
