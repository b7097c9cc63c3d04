#pragma once
// The runs that a table needs at a scale: a pure function of the files, the options and the data.

#include <map>
#include <string>
#include <vector>

#include "ablations/complexity.h"
#include "ablations/dataset.h"
#include "ablations/fingerprint.h"
#include "ablations/recipe.h"
#include "ablations/table.h"

namespace resnext::ablations {

/// A test of a trained network beside that at the end of its training.
struct Evaluation {
  std::string column;
  Options options;
};

/// One training: a row with a seed, on one of the scale's data sets.
struct PlannedRun {
  std::string row;
  std::string on;  ///< the data set's role in the scale
  int seed = 1;
  std::string model;
  Options options;             ///< beside the preset's
  Options evaluation_options;  ///< of those in force, what an evaluation needs, too
  Options recipe;              ///< all in force
  ShardSets shards;
  Complexity complexity;
  Length length;
  std::vector<Evaluation> evaluations;
  nlohmann::json identity;  ///< fingerprint()
  std::string folder;       ///< absolute; equal for equal fingerprints

  /// "32x4d seed 2"
  std::string name() const;
};

struct Plan {
  Table table;
  Scale scale;
  std::string folder;            ///< absolute
  std::string code;              ///< code_version()
  std::string input;             ///< of the networks, "32x32x3"
  std::vector<Column> columns;   ///< of the table, those there are at this scale
  std::vector<Row> rows;         ///< likewise
  std::vector<PlannedRun> runs;  ///< seed by seed, so that every row has a number early
  std::map<std::string, Complexity> complexity;  ///< by row

  /// The runs of a row on the data of a column, by seed.
  std::vector<const PlannedRun*> runs_of(const std::string& row, const Column& column) const;
};

struct PlanRequest {
  Table table;
  Scale scale;
  int seeds = 0;  ///< 0: the scale's
  std::string folder;
  std::map<std::string, Dataset> datasets;
  std::map<std::string, ShardSets> shards;  ///< by role
  std::string code;
};

/// Throws cli::UsageError for a model that resnext-info does not know.
Plan make_plan(const PlanRequest& request, const Programs& programs);

/// The command lines of a run, in their order: training, then its evaluations. `launch` is the
/// beginning of each: the launcher and its options.
std::vector<std::vector<std::string>> command_lines(const Plan& plan, const PlannedRun& run,
                                                    const std::vector<std::string>& launch);

/// Where a run leaves its files, in its folder.
std::string result_path(const PlannedRun& run);
std::string evaluation_path(const PlannedRun& run, const std::string& column);
std::string log_path(const PlannedRun& run);
std::string checkpoint_folder(const PlannedRun& run);

}  // namespace resnext::ablations
