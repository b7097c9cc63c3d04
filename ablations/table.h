#pragma once
// A table of the paper as a file describes it (ablations/README.md has the format): which networks,
// trained how, at which scales, and what the paper measured.

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace resnext::ablations {

/// Options of resnext-worker without their dashes: {"epochs", "10"}.
using Options = std::map<std::string, std::string>;

/// What is measured of each row.
struct Column {
  std::string name;    ///< e.g. "top1"
  std::string title;   ///< e.g. "top-1 error (%)"
  std::string metric;  ///< an attribute of a result file's /summary, e.g. "validation_top1_error"
  std::string on;      ///< which of the scale's data sets, where it has several; or empty
  std::vector<std::string> scales;  ///< those that have it; empty: all
  /// By scale: options of an evaluation of its own after training. A column that has some is left
  /// out at the other scales.
  std::map<std::string, Options> evaluate;
};

struct Row {
  std::string name;
  std::string title;
  std::string baseline;                      ///< the row it is compared with; its own name: itself
  std::map<std::string, std::string> model;  ///< by scale; a scale without one leaves the row out
  Options options;                           ///< what differs from the scale's recipe
  std::map<std::string, double> paper;       ///< the paper's numbers by column
};

/// What the paper's trend is, as it can be tested: `better` has the lower mean than `worse`.
struct Claim {
  std::string text;
  std::string column;
  std::string better;
  std::string worse;
};

/// How large an experiment: never mixed with another.
struct Scale {
  std::string name;                         ///< "paper", "proxy", "smoke"
  std::string title;                        ///< what it trains on and for how long, in words
  std::map<std::string, std::string> data;  ///< role → data set; the role "" where there is one
  std::string recipe;                       ///< a preset of resnext-worker, or empty
  Options options;
  int seeds = 1;      ///< trained with seeds 1, 2, …
  std::string holds;  ///< what would count as "the paper's trend holds", said beforehand
};

struct Table {
  std::string name;  ///< the file's, without ".toml"
  std::string title;
  std::string paper;        ///< where it is in the paper; empty: nowhere
  std::string paper_scale;  ///< what the paper's numbers were measured on; empty: it has none
  std::string plot;         ///< script of scripts/ that draws its figure, or empty
  std::vector<Column> columns;
  std::vector<Row> rows;
  std::vector<Claim> claims;
  std::vector<Scale> scales;

  /// Throw cli::UsageError naming what there is.
  const Scale& scale(const std::string& name) const;
  const Row& row(const std::string& name) const;
};

/// Reads `path`. Throws cli::UsageError with file, line and column.
Table read_table(const std::string& path);

/// The file of a table: `table` itself where it is a path, else NAME.toml of the folder of tables.
/// Throws cli::UsageError naming the tables that there are.
std::string find_table(const std::string& table);

/// The folder of the project's tables: beside the sources, or installed beside the programs.
std::string tables_folder();

}  // namespace resnext::ablations
