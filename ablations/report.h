#pragma once
// The files that a sweep leaves: TABLE.h5, TABLE.md, TABLE.html and its figure.

#include <string>

#include "ablations/plan.h"
#include "ablations/summary.h"

namespace resnext::ablations {

/// Writes all of them into the plan's folder, whatever there is so far. Returns their paths, one a
/// line. Throws std::runtime_error when a script fails, in its words; the first two are written
/// then.
std::string write_report(const Plan& plan, const TableSummary& summary);

}  // namespace resnext::ablations
