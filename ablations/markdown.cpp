#include "ablations/markdown.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace resnext::ablations {
namespace {

std::string count(std::uint64_t number) {
  const auto value = double(number);
  if (value >= 1e9) return fmt::format("{:.2f} G", value / 1e9);
  if (value >= 1e6) return fmt::format("{:.2f} M", value / 1e6);
  return fmt::format("{:.1f} k", value / 1e3);
}

std::string deviation(std::uint64_t value, std::uint64_t baseline, bool is_baseline) {
  return is_baseline ? std::string() : fmt::format(" ({:+.1f}%)", percent_above(value, baseline));
}

struct Costs {
  std::string parameters;
  std::string multiply_adds;
};

/// With the deviation from the baseline, where that is in the plan.
Costs costs_of(const Plan& plan, const Row& row) {
  const Complexity& own = plan.complexity.at(row.name);
  const auto found = plan.complexity.find(row.baseline);
  const bool alone = row.baseline == row.name || found == plan.complexity.end();
  const Complexity& base = alone ? own : found->second;
  return {count(own.parameters) + deviation(own.parameters, base.parameters, alone),
          count(own.multiply_adds) + deviation(own.multiply_adds, base.multiply_adds, alone)};
}

/// The paper's numbers have one decimal, or two.
std::string as_printed(double number) {
  const bool one = std::abs(10 * number - std::round(10 * number)) < 1e-6;
  return one ? fmt::format("{:.1f}", number) : fmt::format("{:.2f}", number);
}

std::string measured(const Cell& cell) {
  if (cell.mean.n == 0) return "missing";
  const int digits = decimals_of(cell.mean);
  if (cell.mean.n == 1) return fmt::format("{:.{}f}", cell.mean.mean, digits);
  return fmt::format("{:.{}f} ± {:.{}f}", cell.mean.mean, digits, cell.mean.standard_error, digits);
}

std::string p_value(double p) {
  return p < 0.001 ? "p < 0.001" : fmt::format("p = {:.3f}", p);
}

std::string comparison(const Cell& cell) {
  if (!cell.against_baseline) return "";
  const PairedTest& test = *cell.against_baseline;
  return fmt::format("{:+.{}f}, {}", test.difference, decimals_of(cell.mean), p_value(test.p));
}

bool has_paper(const Plan& plan) {
  return !plan.table.paper_scale.empty();
}

std::string heading(const Plan& plan) {
  std::string cells = "| row | network | parameters | multiply-adds |";
  std::string rule = "|---|---|---|---|";
  for (const Column& column : plan.columns) {
    cells +=
        fmt::format(" {}, **{} scale** | n | against baseline |", column.title, plan.scale.name);
    rule += "---|---|---|";
    if (!has_paper(plan)) continue;
    cells += fmt::format(" {}, paper ({}) |", column.title, plan.table.paper_scale);
    rule += "---|";
  }
  return cells + "\n" + rule + "\n";
}

std::string row_line(const Plan& plan, const Row& row, const RowSummary& summary) {
  const Costs costs = costs_of(plan, row);
  std::string line =
      fmt::format("| {} | `{}` | {} | {} |", row.title, row.model.at(plan.scale.name),
                  costs.parameters, costs.multiply_adds);
  for (const Column& column : plan.columns) {
    const Cell& cell = summary.cells.at(column.name);
    line += fmt::format(" {} | {} | {} |", measured(cell), cell.mean.n, comparison(cell));
    if (has_paper(plan)) line += fmt::format(" {} |", cell.paper ? as_printed(*cell.paper) : "");
  }
  return line + "\n";
}

std::string verdict_line(const Verdict& verdict) {
  if (!verdict.test) return fmt::format("- {}: {}.\n", verdict.claim.text, verdict.verdict);
  return fmt::format("- {}: **{}** ({:+.2f} points, {} pairs, p = {:.3g}).\n", verdict.claim.text,
                     verdict.verdict, verdict.test->difference, verdict.test->n, verdict.test->p);
}

/// Only where it was said beforehand what would count.
std::string verdicts(const Plan& plan, const TableSummary& summary) {
  if (plan.scale.holds.empty() || summary.verdicts.empty()) return {};
  std::string text =
      fmt::format("\n## Does {} hold?\n\nSaid beforehand: {}\n\n",
                  has_paper(plan) ? "the paper's trend" : "what was expected", plan.scale.holds);
  if (!summary.complete) text += "Of the runs so far, which are not all:\n\n";
  for (const Verdict& verdict : summary.verdicts) text += verdict_line(verdict);
  return text;
}

std::string problems(const TableSummary& summary) {
  std::string text;
  for (const RunSummary& run : summary.runs) {
    if (run.outcome.error.empty()) continue;
    text += fmt::format("- {} {}: {}\n", run.run->name(), describe(run.outcome.state),
                        run.outcome.error);
  }
  return text.empty() ? text : "\n## Runs that failed\n\n" + text;
}

}  // namespace

std::string markdown(const Plan& plan, const TableSummary& summary) {
  const std::string place =
      plan.table.paper.empty() ? "Measured" : plan.table.paper + " of the paper, measured";
  std::string text = fmt::format("# {}\n\n{} at scale **{}**: {}.\n\n", plan.table.title, place,
                                 plan.scale.name, plan.scale.title);
  if (!summary.complete) {
    text += fmt::format("**This table is incomplete**: {}.\n\n", summary.missing());
  }
  text += heading(plan);
  for (std::size_t i = 0; i < plan.rows.size(); ++i) {
    text += row_line(plan, plan.rows[i], summary.rows[i]);
  }
  text += fmt::format(
      "\nMeasured: mean ± standard error over n seeds. Against baseline: mean difference over the "
      "same seeds, two-sided paired t-test. Percentages: deviation from the baseline row. "
      "Code: {}.\n",
      plan.code);
  return text + verdicts(plan, summary) + problems(summary);
}

std::string complexity_lines(const Plan& plan) {
  std::size_t width = 14;
  for (const Row& row : plan.rows) width = std::max(width, row.name.size());
  const auto line = [&](const std::string& row, const std::string& model, const Costs& costs) {
    return fmt::format("  {:{}} {:32} {:>20} {:>20}\n", row, width, model, costs.parameters,
                       costs.multiply_adds);
  };
  std::string text = line("row", "network", {"parameters", "multiply-adds"});
  for (const Row& row : plan.rows) {
    text += line(row.name, row.model.at(plan.scale.name), costs_of(plan, row));
  }
  return text;
}

}  // namespace resnext::ablations
