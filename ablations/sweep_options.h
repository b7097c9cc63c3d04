#pragma once
// The command line of resnext-sweep.

#include <optional>
#include <string>
#include <vector>

namespace resnext::ablations {

struct SweepOptions {
  std::string table;
  std::string scale;
  std::vector<std::string> rows;  ///< empty: all
  int seeds = 0;                  ///< 0: the scale's
  int jobs = 1;
  std::string folder;                               ///< empty: results/SCALE
  std::vector<std::string> images, data, val_data;  ///< PATH, or SET=PATH
  std::string device = "auto";
  std::string hosts;
  std::string gpu_kind;
  std::string code_version;          ///< empty: the worker's
  std::optional<std::string> slurm;  ///< options of sbatch
  bool dry_run = false;
  bool status = false;
  bool report = false;
};

/// nullopt when only --help was asked for, which is then printed. Throws cli::UsageError.
std::optional<SweepOptions> parse_sweep_options(const std::vector<std::string>& arguments);

/// The PATH of the last of `values` that is SET=PATH for this set; else the last plain PATH; else
/// nothing.
std::string path_for(const std::string& set, const std::vector<std::string>& values);

}  // namespace resnext::ablations
