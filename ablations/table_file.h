#pragma once
// A table's numbers as HDF5 (schema: results/README.md): what reports and plots read.

#include <map>
#include <string>

#include "ablations/plan.h"
#include "ablations/summary.h"

namespace resnext::ablations {

/// Replaces the file at once. Results of runs are links to their files, relative to `path`.
void write_table_file(const std::string& path, const Plan& plan, const TableSummary& summary,
                      const std::map<std::string, std::string>& environment);

}  // namespace resnext::ablations
