#include "ablations/sweep.h"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

#include "ablations/local_runs.h"
#include "ablations/plan_costs.h"
#include "ablations/preparation.h"
#include "ablations/report.h"
#include "ablations/slots.h"
#include "ablations/slurm_runs.h"
#include "ablations/status_display.h"
#include "ablations/stop_requests.h"
#include "ablations/summary.h"
#include "ablations/sweep_lock.h"
#include "cli/program.h"
#include "launcher/gpus.h"
#include "launcher/mpirun_line.h"

namespace resnext::ablations {
namespace {

/// A killed driver's runs get as long to write their checkpoints as resnext-launch gives them.
constexpr int kOrphanPatienceSeconds = 130;

bool on_gpus(const SweepOptions& options) {
  return options.device == "cuda" || (options.device == "auto" && launcher::count_gpus() > 0);
}

/// The beginning of a run's command lines. On CPUs each rank has one thread, whatever the cores:
/// the bits depend on the threads, and not on the ranks.
std::vector<std::string> launch_line(const SweepOptions& options, const Programs& programs,
                                     const Slot& slot) {
  std::vector<std::string> line{programs.launch};
  line.insert(line.end(), slot.launch_options.begin(), slot.launch_options.end());
  line.insert(line.end(), {"--worker", programs.worker});
  if (!on_gpus(options)) line.insert(line.end(), {"--threads", "1"});
  line.emplace_back("--");
  if (options.device != "auto") line.insert(line.end(), {"--device", options.device});
  return line;
}

std::vector<Slot> make_slots(const SweepOptions& options) {
  if (!options.hosts.empty()) return share_hosts(options.jobs, options.hosts);
  const int gpus = options.device == "cpu" ? 0 : launcher::count_gpus();
  return share_machine(options.jobs, usable_cores(), gpus);
}

RateOf rates(const SweepOptions& options, const Plan& plan, const Programs& programs,
             const std::vector<Slot>& slots) {
  if (!options.gpu_kind.empty()) {
    return [&](const PlannedRun& run) { return roofline_rate(run, options.gpu_kind, programs); };
  }
  return [&, slot = slots.front()](const PlannedRun& run) {
    return measure_rate(plan, run, slot, launch_line(options, programs, slot), on_gpus(options));
  };
}

void print_command_lines(const SweepOptions& options, const Plan& plan, const Programs& programs,
                         const std::vector<const PlannedRun*>& runs,
                         const std::vector<Slot>& slots) {
  for (const PlannedRun* run : runs) {
    for (const auto& line :
         command_lines(plan, *run, launch_line(options, programs, slots.front()))) {
      fmt::print("{}\n", launcher::shell_line(line));
    }
  }
}

int dry_run(const SweepOptions& options, const Preparation& preparation) {
  const Plan plan = preparation.plan();
  const auto runs = runs_to_do(plan, read_outcomes(plan), options.rows);
  const std::vector<Slot> slots = make_slots(options);
  const auto rate_of = rates(options, plan, preparation.programs(), slots);
  fmt::print("{}", describe_plan(plan, runs, estimate(runs, rate_of), options.jobs));
  print_command_lines(options, plan, preparation.programs(), runs, slots);
  require_disk(preparation.folder(), disk_of(runs) + preparation.bytes_to_pack());
  return cli::kSuccess;
}

int status(const Preparation& preparation) {
  const Plan plan = preparation.plan();
  const std::vector<RunOutcome> outcomes = read_outcomes(plan);
  const auto holder = lock_holder(plan.folder);
  fmt::print("{}{}\n", status_heading(plan, outcomes, 0),
             holder ? fmt::format("; process {} is at it", *holder) : std::string());
  for (std::size_t i = 0; i < plan.runs.size(); ++i) {
    const RunOutcome& outcome = outcomes[i];
    const std::string detail =
        outcome.state == RunState::kPartial
            ? status_line(plan.runs[i])
            : fmt::format("  {:24} {}{}{}", plan.runs[i].name(), describe(outcome.state),
                          outcome.error.empty() ? "" : ": ", outcome.error);
    fmt::print("{}\n", detail);
  }
  return cli::kSuccess;
}

/// Writes the report of what there is, and says what is missing.
void conclude(const Plan& plan) {
  const TableSummary summary = summarise(plan, read_outcomes(plan));
  const std::string paths = write_report(plan, summary);
  if (!summary.complete) fmt::print("{}\n", summary.missing());
  fmt::print("{}", paths);
}

/// Whether all runs that were asked for are finished.
int exit_code(const Plan& plan, const std::vector<std::string>& rows) {
  for (const PlannedRun& run : plan.runs) {
    const bool asked = rows.empty() || std::ranges::find(rows, run.row) != rows.end();
    if (asked && read_outcome(run, plan).state != RunState::kFinished) return cli::kFailure;
  }
  return cli::kSuccess;
}

/// Tells of runs as they begin and end, and shows how far they are.
class Narrator {
 public:
  explicit Narrator(const Plan& plan) : plan_(plan), outcomes_(read_outcomes(plan)) {}

  RunEvents events() {
    return {[this](const PlannedRun& run) { display_.say(run.name() + ": started"); },
            [this](const PlannedRun& run, const RunOutcome& outcome) { ended(run, outcome); },
            [this](const std::vector<const PlannedRun*>& runs) { tick(runs); }};
  }
  void finish() { display_.clear(); }

 private:
  void ended(const PlannedRun& run, const RunOutcome& outcome) {
    const auto at = std::ranges::find(plan_.runs, &run, [](const auto& one) { return &one; });
    outcomes_[static_cast<std::size_t>(at - plan_.runs.begin())] = outcome;
    std::string text = fmt::format("{}: {}", run.name(), describe(outcome.state));
    for (const auto& [column, value] : outcome.values) {
      text += fmt::format(", {} {:.2f}", column, value);
    }
    if (!outcome.error.empty()) text += ": " + outcome.error;
    display_.say(text);
  }

  void tick(const std::vector<const PlannedRun*>& runs) {
    if (!display_.is_due()) return;
    std::vector<std::string> lines;
    for (const PlannedRun* run : runs) lines.push_back(status_line(*run));
    lines.push_back(status_heading(plan_, outcomes_, static_cast<int>(runs.size())));
    display_.show(lines);
  }

  const Plan& plan_;
  std::vector<RunOutcome> outcomes_;
  StatusDisplay display_;
};

bool train_here(const SweepOptions& options, const Plan& plan, const Programs& programs,
                const std::vector<const PlannedRun*>& runs, StopRequests& stop,
                const RunEvents& events) {
  const std::vector<Slot> slots = make_slots(options);
  const RateOf rate_of = rates(options, plan, programs, slots);
  const PlanCosts costs = estimate(runs, [&](const PlannedRun& run) {
    return stop.count() > 0 ? Rate{0, 0, 1, "stopped"} : rate_of(run);
  });
  fmt::print("{}", describe_plan(plan, runs, costs, options.jobs));
  std::fflush(stdout);
  const LocalSettings settings{
      slots, [&](const Slot& slot) { return launch_line(options, programs, slot); }};
  return run_locally(plan, runs, settings, stop, events);
}

/// Nothing is measured here: the tasks run elsewhere.
bool train_by_slurm(const SweepOptions& options, const Plan& plan, const Programs& programs,
                    const std::vector<const PlannedRun*>& runs, StopRequests& stop,
                    const RunEvents& events) {
  const RateOf rate_of = options.gpu_kind.empty()
                             ? [](const PlannedRun&) { return Rate{0, 0, 1, "it runs elsewhere"}; }
                             : rates(options, plan, programs, {});
  fmt::print("{}", describe_plan(plan, runs, estimate(runs, rate_of), options.jobs));
  std::fflush(stdout);
  const SlurmSettings settings{*options.slurm, launch_line(options, programs, {})};
  return run_by_slurm(plan, runs, settings, stop, events);
}

bool train(const SweepOptions& options, const Plan& plan, const Programs& programs,
           const std::vector<const PlannedRun*>& runs, StopRequests& stop) {
  Narrator narrator(plan);
  const RunEvents events = narrator.events();
  const bool whole = options.slurm ? train_by_slurm(options, plan, programs, runs, stop, events)
                                   : train_here(options, plan, programs, runs, stop, events);
  narrator.finish();
  return whole;
}

int train_all(const SweepOptions& options, Preparation& preparation) {
  StopRequests stop;
  const SweepLock lock(preparation.folder());
  // Slurm's tasks may run on this very machine, and are followed.
  if (!options.slurm) wait_for_orphans(preparation.folder(), kOrphanPatienceSeconds);
  Plan plan = preparation.plan();
  const auto expected = runs_to_do(plan, read_outcomes(plan), options.rows);
  require_disk(preparation.folder(), disk_of(expected) + preparation.bytes_to_pack());
  preparation.pack();
  plan = preparation.plan();
  const auto runs = runs_to_do(plan, read_outcomes(plan), options.rows);
  bool whole = true;
  if (runs.empty()) {
    fmt::print("{}: nothing left to train\n", plan.table.name);
  } else {
    whole = train(options, plan, preparation.programs(), runs, stop);
  }
  if (!whole) {
    const std::string tasks = fmt::format(
        ": the tasks stay in Slurm's queue (scancel --name={} ends them)", slurm_job_name(plan));
    fmt::print("stopped{}; the same command goes on\n", options.slurm ? tasks : "");
  }
  conclude(plan);
  return whole ? exit_code(plan, options.rows) : cli::kSuccess;
}

}  // namespace

int sweep(const SweepOptions& options) {
  Preparation preparation(options);
  if (options.status) return status(preparation);
  if (options.report) {
    conclude(preparation.plan());
    return cli::kSuccess;
  }
  if (options.dry_run) return dry_run(options, preparation);
  return train_all(options, preparation);
}

}  // namespace resnext::ablations
