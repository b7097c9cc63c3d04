#pragma once
// The plan as people see it before it starts: rows, complexity, time, disk, command lines.

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "ablations/cost.h"
#include "ablations/plan.h"
#include "ablations/run_outcome.h"

namespace resnext::ablations {

/// The rate at which a run trains.
using RateOf = std::function<Rate(const PlannedRun&)>;

struct PlanCosts {
  std::map<const PlannedRun*, double> seconds;  ///< of the runs to do; those known
  std::map<const PlannedRun*, int> devices;     ///< likewise
  std::vector<std::string> problems;            ///< rows whose time is not known, and why
  std::uint64_t disk = 0;                       ///< bytes

  double total_seconds(int jobs) const;
  double device_seconds() const;
};

/// Those of `rows` (all, where none is named) that are not finished and not known to diverge.
/// Throws cli::UsageError for a row that is not in the plan.
std::vector<const PlannedRun*> runs_to_do(const Plan& plan, const std::vector<RunOutcome>& outcomes,
                                          const std::vector<std::string>& rows);

/// Bytes that the runs to do will take.
std::uint64_t disk_of(const std::vector<const PlannedRun*>& runs);

/// Asks for the rate of each network once.
PlanCosts estimate(const std::vector<const PlannedRun*>& runs, const RateOf& rate_of);

std::string describe_plan(const Plan& plan, const std::vector<const PlannedRun*>& runs,
                          const PlanCosts& costs, int jobs);

}  // namespace resnext::ablations
