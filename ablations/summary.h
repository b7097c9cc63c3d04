#pragma once
// A table's numbers so far: what each row measured over its seeds, and how it compares with its
// baseline and with the paper's claims.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ablations/plan.h"
#include "ablations/run_outcome.h"
#include "ablations/statistics.h"

namespace resnext::ablations {

/// A row under a column.
struct Cell {
  std::map<int, double> by_seed;  ///< of the finished runs
  Mean mean;
  std::optional<PairedTest> against_baseline;  ///< by the seeds that both have
  std::optional<double> paper;
};

struct RowSummary {
  std::string row;
  Complexity complexity;
  std::map<std::string, Cell> cells;  ///< by column
};

/// A claim's verdict: "confirmed" or "contradicted" where p < 0.05, else "too noisy to tell".
struct Verdict {
  Claim claim;
  std::optional<PairedTest> test;  ///< better - worse
  std::string verdict;
};

/// One run and what it came to.
struct RunSummary {
  const PlannedRun* run;
  RunOutcome outcome;
};

struct TableSummary {
  std::vector<RowSummary> rows;
  std::vector<RunSummary> runs;  ///< in the plan's order
  std::vector<Verdict> verdicts;
  bool complete = false;  ///< every run is finished

  /// "2 of 15 runs are missing: …"; empty where none is.
  std::string missing() const;
};

/// `outcomes` are those of the plan's runs, in their order. The plan must outlive the summary.
TableSummary summarise(const Plan& plan, const std::vector<RunOutcome>& outcomes);

/// Reads the outcomes of all runs of the plan.
std::vector<RunOutcome> read_outcomes(const Plan& plan);

}  // namespace resnext::ablations
