#include "ablations/table_file.h"

#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "data/durable_file.h"
#include "data/hdf5.h"

namespace resnext::ablations {
namespace {

namespace fs = std::filesystem;
using data::hdf5::File;

void write_heading(File& file, const Plan& plan, const TableSummary& summary,
                   const std::map<std::string, std::string>& environment) {
  const auto set = [&](const char* name, const data::hdf5::Attribute& value) {
    file.set_attribute("/", name, value);
  };
  set("format", std::string("resnext-table"));
  set("format_version", std::int64_t(1));
  set("table", plan.table.name);
  set("title", plan.table.title);
  set("paper", plan.table.paper);
  set("paper_scale", plan.table.paper_scale);
  set("plot", plan.table.plot);
  set("scale", plan.scale.name);
  set("scale_title", plan.scale.title);
  set("holds", plan.scale.holds);
  set("recipe", plan.scale.recipe);
  set("code", plan.code);
  set("input", plan.input);
  set("complete", summary.complete);
  set("missing", summary.missing());
  file.create_group("/environment");
  for (const auto& [name, value] : environment) {
    file.set_attribute("/environment", name, value);
  }
}

/// Links have no order of their own, so that every list has one as an attribute.
void write_columns(File& file, const Plan& plan) {
  std::vector<std::string> names;
  for (const Column& column : plan.columns) {
    const std::string group = "/columns/" + column.name;
    file.create_group(group);
    file.set_attribute(group, "title", column.title);
    file.set_attribute(group, "metric", column.metric);
    file.set_attribute(group, "data", column.on);
    names.push_back(column.name);
  }
  file.set_attribute("/", "columns", names);
}

void write_cell(File& file, const std::string& group, const Cell& cell) {
  std::vector<std::int64_t> seeds;
  std::vector<double> values;
  for (const auto& [seed, value] : cell.by_seed) {
    seeds.push_back(seed);
    values.push_back(value);
  }
  file.create_group(group);
  file.write<std::int64_t>(group + "/seeds", seeds, {seeds.size()});
  file.write<double>(group + "/values", values, {values.size()});
  file.set_attribute(group, "n", std::int64_t(cell.mean.n));
  file.set_attribute(group, "mean", cell.mean.mean);
  file.set_attribute(group, "standard_error", cell.mean.standard_error);
  file.set_attribute(group, "decimals", std::int64_t(decimals_of(cell.mean)));
  if (cell.paper) file.set_attribute(group, "paper", *cell.paper);
  if (!cell.against_baseline) return;
  file.set_attribute(group, "difference", cell.against_baseline->difference);
  file.set_attribute(group, "t", cell.against_baseline->t);
  file.set_attribute(group, "p", cell.against_baseline->p);
  file.set_attribute(group, "pairs", std::int64_t(cell.against_baseline->n));
}

void write_rows(File& file, const Plan& plan, const TableSummary& summary) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < plan.rows.size(); ++i) {
    const Row& row = plan.rows[i];
    const std::string group = "/rows/" + row.name;
    const Complexity& cost = summary.rows[i].complexity;
    file.create_group(group);
    file.set_attribute(group, "title", row.title);
    file.set_attribute(group, "baseline", row.baseline);
    file.set_attribute(group, "model", row.model.at(plan.scale.name));
    file.set_attribute(group, "parameters", std::int64_t(cost.parameters));
    file.set_attribute(group, "multiply_adds", std::int64_t(cost.multiply_adds));
    for (const auto& [column, cell] : summary.rows[i].cells) {
      write_cell(file, group + "/" + column, cell);
    }
    names.push_back(row.name);
  }
  file.set_attribute("/", "rows", names);
}

void write_runs(File& file, const std::string& path, const TableSummary& summary) {
  std::vector<std::string> names;
  const fs::path folder = fs::absolute(path).parent_path();
  for (const RunSummary& one : summary.runs) {
    const PlannedRun& run = *one.run;
    const std::string group = "/runs/" + run.name();
    file.create_group(group);
    file.set_attribute(group, "row", run.row);
    file.set_attribute(group, "data", run.on);
    file.set_attribute(group, "seed", std::int64_t(run.seed));
    file.set_attribute(group, "state", describe(one.outcome.state));
    file.set_attribute(group, "error", one.outcome.error);
    file.set_attribute(group, "fingerprint", run.identity.dump());
    file.set_attribute(group, "seconds", one.outcome.seconds);
    file.set_attribute(group, "device_seconds", one.outcome.device_seconds);
    if (fs::exists(result_path(run))) {
      file.link_file(group + "/result", fs::relative(result_path(run), folder).string());
    }
    names.push_back(run.name());
  }
  file.set_attribute("/", "runs", names);
}

void write_verdicts(File& file, const TableSummary& summary) {
  file.create_group("/claims");
  for (std::size_t i = 0; i < summary.verdicts.size(); ++i) {
    const Verdict& verdict = summary.verdicts[i];
    const std::string group = fmt::format("/claims/{:02}", i);
    file.create_group(group);
    file.set_attribute(group, "text", verdict.claim.text);
    file.set_attribute(group, "column", verdict.claim.column);
    file.set_attribute(group, "better", verdict.claim.better);
    file.set_attribute(group, "worse", verdict.claim.worse);
    file.set_attribute(group, "verdict", verdict.verdict);
    if (!verdict.test) continue;
    file.set_attribute(group, "difference", verdict.test->difference);
    file.set_attribute(group, "p", verdict.test->p);
    file.set_attribute(group, "pairs", std::int64_t(verdict.test->n));
  }
}

}  // namespace

void write_table_file(const std::string& path, const Plan& plan, const TableSummary& summary,
                      const std::map<std::string, std::string>& environment) {
  File file = File::create_in_memory(path);
  write_heading(file, plan, summary, environment);
  write_columns(file, plan);
  write_rows(file, plan, summary);
  write_runs(file, path, summary);
  write_verdicts(file, summary);
  file.flush();
  data::replace_file(path, file.image());
}

}  // namespace resnext::ablations
