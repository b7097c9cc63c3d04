#include "ablations/plan_costs.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "ablations/markdown.h"
#include "cli/program.h"

namespace resnext::ablations {
namespace {

/// What rows have in common as far as their rate goes: seeds do not matter.
std::string rate_key(const PlannedRun& run) {
  return run.row + "\n" + run.on;
}

std::string describe_time(const PlanCosts& costs, int jobs) {
  if (costs.seconds.empty() && !costs.problems.empty()) return "in a time not known";
  return fmt::format("{} {} in all, {:.3g} device-hours", costs.problems.empty() ? "about" : "over",
                     format_seconds(costs.total_seconds(jobs)), costs.device_seconds() / 3600);
}

}  // namespace

double PlanCosts::total_seconds(int jobs) const {
  double sum = 0;
  double longest = 0;
  for (const auto& [run, time] : seconds) {
    sum += time;
    longest = std::max(longest, time);
  }
  return std::max(sum / jobs, longest);
}

double PlanCosts::device_seconds() const {
  double sum = 0;
  for (const auto& [run, time] : seconds) sum += time * devices.at(run);
  return sum;
}

std::vector<const PlannedRun*> runs_to_do(const Plan& plan, const std::vector<RunOutcome>& outcomes,
                                          const std::vector<std::string>& rows) {
  for (const std::string& row : rows) {
    if (plan.complexity.contains(plan.table.row(row).name)) continue;
    throw cli::UsageError(
        fmt::format("--rows: '{}' has no network at scale {}", row, plan.scale.name));
  }
  std::vector<const PlannedRun*> runs;
  for (std::size_t i = 0; i < plan.runs.size(); ++i) {
    const RunState state = outcomes[i].state;
    const bool asked = rows.empty() || std::ranges::find(rows, plan.runs[i].row) != rows.end();
    if (asked && state != RunState::kFinished && state != RunState::kDiverged) {
      runs.push_back(&plan.runs[i]);
    }
  }
  return runs;
}

std::uint64_t disk_of(const std::vector<const PlannedRun*>& runs) {
  std::uint64_t bytes = 0;
  for (const PlannedRun* run : runs) bytes += disk_bytes(*run);
  return bytes;
}

PlanCosts estimate(const std::vector<const PlannedRun*>& runs, const RateOf& rate_of) {
  PlanCosts costs;
  costs.disk = disk_of(runs);
  std::map<std::string, Rate> rates;
  for (const PlannedRun* run : runs) {
    auto known = rates.find(rate_key(*run));
    if (known == rates.end()) {
      known = rates.emplace(rate_key(*run), rate_of(*run)).first;
      if (!known->second.problem.empty()) {
        costs.problems.push_back(fmt::format("{}: {}", run->row, known->second.problem));
      }
    }
    if (!known->second.problem.empty()) continue;
    costs.seconds[run] = estimated_seconds(*run, known->second);
    costs.devices[run] = known->second.devices;
  }
  return costs;
}

std::string describe_plan(const Plan& plan, const std::vector<const PlannedRun*>& runs,
                          const PlanCosts& costs, int jobs) {
  const std::string place = plan.table.paper.empty() ? "" : fmt::format(" ({})", plan.table.paper);
  std::string text = fmt::format("{}{}, scale {}: {}\n", plan.table.title, place, plan.scale.name,
                                 plan.scale.title);
  text += complexity_lines(plan);
  for (const PlannedRun* run : runs) {
    if (run->seed != 1) continue;
    const auto time = costs.seconds.find(run);
    text += fmt::format(
        "  {:24} {} steps of {} x {} images, {}\n", run->name(), run->length.steps,
        run->length.replicas, run->length.batch_per_replica,
        time == costs.seconds.end() ? "time not known" : "about " + format_seconds(time->second));
  }
  for (const std::string& problem : costs.problems) {
    text += fmt::format("  no time for {}\n", problem);
  }
  text += fmt::format("{} of {} runs to do, {} at a time: {}, up to {} of disk\n", runs.size(),
                      plan.runs.size(), jobs, describe_time(costs, jobs), format_bytes(costs.disk));
  return text;
}

}  // namespace resnext::ablations
