#include "ablations/summary.h"

#include <algorithm>

#include <fmt/format.h>

namespace resnext::ablations {
namespace {

constexpr double kSignificant = 0.05;

std::map<int, double> values_by_seed(const Plan& plan, const std::vector<RunSummary>& runs,
                                     const std::string& row, const Column& column) {
  std::map<int, double> values;
  for (const PlannedRun* run : plan.runs_of(row, column)) {
    const auto found = std::ranges::find(runs, run, &RunSummary::run);
    if (found->outcome.state != RunState::kFinished) continue;
    values[run->seed] = found->outcome.values.at(column.name);
  }
  return values;
}

/// By the seeds that both have.
std::optional<PairedTest> compare(const std::map<int, double>& one,
                                  const std::map<int, double>& other) {
  std::vector<double> ones;
  std::vector<double> others;
  for (const auto& [seed, value] : one) {
    const auto partner = other.find(seed);
    if (partner == other.end()) continue;
    ones.push_back(value);
    others.push_back(partner->second);
  }
  return paired_test(ones, others);
}

std::map<int, double> seeds_of(const TableSummary& summary, const std::string& row,
                               const std::string& column) {
  const auto found = std::ranges::find(summary.rows, row, &RowSummary::row);
  if (found == summary.rows.end() || !found->cells.contains(column)) return {};
  return found->cells.at(column).by_seed;
}

std::string verdict_on(const std::optional<PairedTest>& test) {
  if (!test) return "not measured";
  if (test->p >= kSignificant) return "too noisy to tell";
  return test->difference < 0 ? "confirmed" : "contradicted";
}

}  // namespace

std::string TableSummary::missing() const {
  std::vector<std::string> names;
  for (const RunSummary& run : runs) {
    if (run.outcome.state == RunState::kFinished) continue;
    names.push_back(fmt::format("{} ({})", run.run->name(), describe(run.outcome.state)));
  }
  if (names.empty()) return {};
  return fmt::format("{} of {} runs missing: {}", names.size(), runs.size(),
                     fmt::join(names, ", "));
}

TableSummary summarise(const Plan& plan, const std::vector<RunOutcome>& outcomes) {
  TableSummary summary;
  for (std::size_t i = 0; i < plan.runs.size(); ++i) {
    summary.runs.push_back({&plan.runs[i], outcomes[i]});
  }
  summary.complete = summary.missing().empty();
  for (const Row& row : plan.rows) {
    RowSummary row_summary{row.name, plan.complexity.at(row.name), {}};
    for (const Column& column : plan.columns) {
      Cell& cell = row_summary.cells[column.name];
      cell.by_seed = values_by_seed(plan, summary.runs, row.name, column);
      std::vector<double> values;
      for (const auto& [seed, value] : cell.by_seed) values.push_back(value);
      cell.mean = mean_of(values);
      if (row.baseline != row.name) {
        cell.against_baseline =
            compare(cell.by_seed, values_by_seed(plan, summary.runs, row.baseline, column));
      }
      const auto paper = row.paper.find(column.name);
      if (paper != row.paper.end()) cell.paper = paper->second;
    }
    summary.rows.push_back(std::move(row_summary));
  }
  for (const Claim& claim : plan.table.claims) {
    const auto& here = plan.complexity;  // rows may have no network at this scale
    if (!here.contains(claim.better) || !here.contains(claim.worse)) continue;
    const auto test = compare(seeds_of(summary, claim.better, claim.column),
                              seeds_of(summary, claim.worse, claim.column));
    summary.verdicts.push_back({claim, test, verdict_on(test)});
  }
  return summary;
}

std::vector<RunOutcome> read_outcomes(const Plan& plan) {
  std::vector<RunOutcome> outcomes;
  for (const PlannedRun& run : plan.runs) outcomes.push_back(read_outcome(run, plan));
  return outcomes;
}

}  // namespace resnext::ablations
