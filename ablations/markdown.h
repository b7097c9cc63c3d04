#pragma once
// A table's numbers as Markdown, to read and to commit.

#include <string>

#include "ablations/plan.h"
#include "ablations/summary.h"

namespace resnext::ablations {

/// The whole page. A measured number stands under its scale's name, the paper's under the paper's.
std::string markdown(const Plan& plan, const TableSummary& summary);

/// Parameters and multiply-adds of each row, with the deviation from its baseline, for a terminal.
std::string complexity_lines(const Plan& plan);

}  // namespace resnext::ablations
