#include "ablations/table.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include <fmt/format.h>

#include "ablations/toml_table.h"
#include "cli/nearest_name.h"
#include "cli/program.h"

namespace resnext::ablations {
namespace {

namespace fs = std::filesystem;

template <typename Named>
std::vector<std::string> names_of(const std::vector<Named>& items) {
  std::vector<std::string> names;
  for (const Named& item : items) names.push_back(item.name);
  return names;
}

template <typename Named>
const Named& find_named(const std::vector<Named>& items, const std::string& name,
                        const std::string& what) {
  const auto found = std::ranges::find(items, name, &Named::name);
  if (found != items.end()) return *found;
  throw cli::UsageError(
      fmt::format("{} '{}'; it has: {}", what, name, fmt::join(names_of(items), ", ")));
}

void require_name(const TomlTable& file, const std::string& key, const std::string& name,
                  const std::vector<std::string>& known, const std::string& what) {
  if (std::ranges::find(known, name) != known.end()) return;
  file.fail(key, fmt::format("there is no {} '{}'{}", what, name, cli::did_you_mean(name, known)));
}

/// Options of resnext-worker, without those that the sweep itself gives.
Options read_options(const TomlTable& file, const std::string& key) {
  Options options = file.options(key);
  for (const char* own : {"model", "seed", "data", "val-data", "out", "checkpoint-dir", "scale",
                          "recipe", "config", "resume", "init", "eval-only"}) {
    if (options.contains(own)) {
      file.table(key).fail(own, fmt::format("'{}' is not for {}: the sweep gives it", own, key));
    }
  }
  return options;
}

Column read_column(const TomlTable& file, const std::vector<std::string>& scales) {
  file.require_known_keys({"name", "title", "metric", "on", "scales", "evaluate"});
  Column column{
      file.text("name"), file.text("title"), file.text("metric"), file.text_or("on", ""), {}, {}};
  if (file.has("scales")) {
    column.scales = file.texts("scales");
    for (const std::string& scale : column.scales) {
      require_name(file, "scales", scale, scales, "scale");
    }
  }
  if (!file.has("evaluate")) return column;
  const TomlTable evaluate = file.table("evaluate");
  for (const std::string& scale : evaluate.keys()) {
    require_name(evaluate, scale, scale, scales, "scale");
    column.evaluate[scale] = read_options(evaluate, scale);
  }
  return column;
}

/// One name for every scale, or a table of them by scale.
std::map<std::string, std::string> by_scale(const TomlTable& file, const std::string& key,
                                            const std::vector<std::string>& scales) {
  std::map<std::string, std::string> values = file.texts_by_key(key);
  for (const auto& [scale, value] : values) {
    require_name(file.table(key), scale, scale, scales, "scale");
  }
  return values;
}

Row read_row(const TomlTable& file, const std::vector<std::string>& scales,
             const std::string& baseline) {
  file.require_known_keys({"name", "title", "baseline", "model", "options", "paper"});
  Row row;
  row.name = file.text("name");
  row.title = file.text_or("title", row.name);
  row.baseline = file.text_or("baseline", baseline);
  row.model = by_scale(file, "model", scales);
  if (row.model.empty()) file.fail("model", fmt::format("row '{}' names no model", row.name));
  row.options = read_options(file, "options");
  row.paper = file.numbers("paper");
  return row;
}

Scale read_scale(const std::string& name, const TomlTable& file) {
  file.require_known_keys({"title", "data", "recipe", "options", "seeds", "holds"});
  Scale scale;
  scale.name = name;
  scale.title = file.text("title");
  scale.data = file.has("data") && file.is_text("data")
                   ? std::map<std::string, std::string>{{"", file.text("data")}}
                   : file.texts_by_key("data");
  if (scale.data.empty()) file.fail("data", "the scale names no data set");
  scale.recipe = file.text_or("recipe", "");
  scale.options = read_options(file, "options");
  scale.seeds = file.positive_or("seeds", 1);
  scale.holds = file.text_or("holds", "");
  return scale;
}

void require_distinct(const TomlTable& file, const std::string& key,
                      const std::vector<std::string>& names) {
  std::set<std::string> seen;
  for (const std::string& name : names) {
    if (!seen.insert(name).second) {
      file.fail(key, fmt::format("two [[{}]] are named '{}'", key, name));
    }
  }
}

Claim read_claim(const TomlTable& file, const Table& table) {
  file.require_known_keys({"text", "column", "better", "worse"});
  Claim claim{file.text("text"), file.text_or("column", table.columns.front().name),
              file.text("better"), file.text("worse")};
  require_name(file, "column", claim.column, names_of(table.columns), "column");
  require_name(file, "better", claim.better, names_of(table.rows), "row");
  require_name(file, "worse", claim.worse, names_of(table.rows), "row");
  return claim;
}

void read_rows(const TomlTable& file, Table& table) {
  const std::vector<std::string> columns = names_of(table.columns);
  const std::vector<TomlTable> rows = file.tables("rows");
  if (rows.empty()) file.fail("rows", "the table has no [[rows]]");
  for (const TomlTable& row : rows) {
    table.rows.push_back(read_row(row, names_of(table.scales), file.text("baseline")));
  }
  const std::vector<std::string> names = names_of(table.rows);
  require_distinct(file, "rows", names);
  require_name(file, "baseline", file.text("baseline"), names, "row");
  for (std::size_t i = 0; i < rows.size(); ++i) {
    require_name(rows[i], "baseline", table.rows[i].baseline, names, "row");
    if (!table.rows[i].paper.empty() && !file.has("paper_scale")) {
      rows[i].fail("paper",
                   "the table does not say on what that was measured: give it a paper_scale");
    }
    for (const auto& [column, number] : table.rows[i].paper) {
      require_name(rows[i].table("paper"), column, column, columns, "column");
    }
  }
}

}  // namespace

const Scale& Table::scale(const std::string& wanted) const {
  return find_named(scales, wanted, fmt::format("--scale: table '{}' has no scale", name));
}

const Row& Table::row(const std::string& wanted) const {
  return find_named(rows, wanted, fmt::format("table '{}' has no row", name));
}

Table read_table(const std::string& path) {
  const TomlTable file = TomlTable::read(path);
  file.require_known_keys(
      {"title", "paper", "paper_scale", "plot", "baseline", "columns", "rows", "claims", "scales"});
  Table table;
  table.name = fs::path(path).stem().string();
  table.title = file.text("title");
  table.paper = file.text_or("paper", "");
  table.paper_scale = file.text_or("paper_scale", "");
  table.plot = file.text_or("plot", "");
  const TomlTable scales = file.table("scales");
  for (const std::string& name : scales.keys()) {
    table.scales.push_back(read_scale(name, scales.table(name)));
  }
  for (const TomlTable& column : file.tables("columns")) {
    table.columns.push_back(read_column(column, names_of(table.scales)));
  }
  if (table.columns.empty()) file.fail("columns", "the table has no [[columns]]");
  require_distinct(file, "columns", names_of(table.columns));
  read_rows(file, table);
  for (const TomlTable& claim : file.tables("claims")) {
    table.claims.push_back(read_claim(claim, table));
  }
  return table;
}

std::string tables_folder() {
  const fs::path beside = fs::read_symlink("/proc/self/exe").parent_path();
  for (const fs::path& folder :
       {beside.parent_path() / "share" / "resnext" / "ablations", fs::path(RESNEXT_TABLES)}) {
    if (fs::is_directory(folder)) return folder.string();
  }
  throw std::runtime_error(
      "the folder 'ablations' with the tables is not there; name a table file");
}

std::string find_table(const std::string& table) {
  if (table.find('/') != std::string::npos || table.ends_with(".toml")) return table;
  const fs::path folder = tables_folder();
  const fs::path path = folder / (table + ".toml");
  if (fs::is_regular_file(path)) return path.string();
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".toml" && entry.path().stem() != "datasets") {
      names.push_back(entry.path().stem().string());
    }
  }
  std::ranges::sort(names);
  throw cli::UsageError(
      fmt::format("there is no table '{}'; there are: {}", table, fmt::join(names, ", ")));
}

}  // namespace resnext::ablations
