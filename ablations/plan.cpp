#include "ablations/plan.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include <fmt/format.h>

#include "cli/program.h"

namespace resnext::ablations {
namespace {

namespace fs = std::filesystem;

bool is_at_scale(const Column& column, const Scale& scale) {
  const bool chosen =
      column.scales.empty() || std::ranges::find(column.scales, scale.name) != column.scales.end();
  const bool evaluated = column.evaluate.empty() || column.evaluate.contains(scale.name);
  return chosen && evaluated && scale.data.contains(column.on);
}

std::vector<Evaluation> evaluations_on(const std::string& role, const std::vector<Column>& columns,
                                       const std::string& scale) {
  std::vector<Evaluation> evaluations;
  for (const Column& column : columns) {
    if (column.on == role && !column.evaluate.empty()) {
      evaluations.push_back({column.name, column.evaluate.at(scale)});
    }
  }
  return evaluations;
}

void add_options(std::vector<std::string>& line, const Options& options) {
  for (const auto& [name, value] : options) {
    line.push_back("--" + name);
    line.push_back(value);
  }
}

/// Turns a description into runs, asking the programs once for each network.
class Planner {
 public:
  Planner(const PlanRequest& request, const Programs& programs)
      : request_(request),
        programs_(programs),
        preset_(preset_options(request.scale.recipe, programs)) {}

  PlannedRun run(const Row& row, const std::string& role, int seed, const Plan& plan) {
    const Dataset set = dataset(role);
    PlannedRun run;
    run.row = row.name;
    run.on = role;
    run.seed = seed;
    run.model = row.model.at(request_.scale.name);
    run.options = overlaid(overlaid(request_.scale.options, set.options), row.options);
    run.recipe = overlaid(preset_, run.options);
    for (const char* name :
         {"mean", "deviation", "image-size", "replicas", "batch-per-replica", "precision"}) {
      if (run.recipe.contains(name)) run.evaluation_options[name] = run.recipe.at(name);
    }
    run.shards = request_.shards.at(role);
    run.complexity = complexity(row, set);
    run.length = length_of(run.recipe, run.shards);
    run.evaluations = evaluations_on(role, plan.columns, plan.scale.name);
    run.identity = fingerprint({plan.scale.name, run.model, run.complexity.graph, run.shards,
                                run.recipe, seed, plan.code});
    run.folder = fs::path(plan.folder) / "runs" /
                 fmt::format("{}-seed{}-{}", run.model, seed, fingerprint_hash(run.identity));
    return run;
  }

  Dataset dataset(const std::string& role) const {
    const Dataset& set = request_.datasets.at(request_.scale.data.at(role));
    return is_built_in(role) ? built_in_instead(set) : set;
  }

  bool is_built_in(const std::string& role) const {
    return request_.shards.at(role).training.empty();
  }

  Complexity complexity(const Row& row, const Dataset& set) {
    const std::string& model = row.model.at(request_.scale.name);
    const auto key = std::pair(model, set.name);
    const auto found = known_.find(key);
    if (found != known_.end()) return found->second;
    try {
      return known_[key] = complexity_of(model, set, programs_);
    } catch (const std::runtime_error& error) {
      throw cli::UsageError(
          fmt::format("row '{}' at scale {}: {}", row.name, request_.scale.name, error.what()));
    }
  }

 private:
  const PlanRequest& request_;
  const Programs& programs_;
  Options preset_;
  std::map<std::pair<std::string, std::string>, Complexity> known_;
};

}  // namespace

std::string PlannedRun::name() const {
  return fmt::format("{}{}{} seed {}", row, on.empty() ? "" : " on ", on, seed);
}

std::vector<const PlannedRun*> Plan::runs_of(const std::string& row, const Column& column) const {
  std::vector<const PlannedRun*> found;
  for (const PlannedRun& run : runs) {
    if (run.row == row && run.on == column.on) found.push_back(&run);
  }
  return found;
}

Plan make_plan(const PlanRequest& request, const Programs& programs) {
  Plan plan;
  plan.table = request.table;
  plan.scale = request.scale;
  plan.folder = fs::absolute(request.folder).lexically_normal();
  plan.code = request.code;
  std::ranges::copy_if(request.table.columns, std::back_inserter(plan.columns),
                       [&](const Column& column) { return is_at_scale(column, request.scale); });
  std::ranges::copy_if(request.table.rows, std::back_inserter(plan.rows),
                       [&](const Row& row) { return row.model.contains(request.scale.name); });
  Planner planner(request, programs);
  std::set<std::string> roles;
  for (const Column& column : plan.columns) roles.insert(column.on);
  const int seeds = request.seeds > 0 ? request.seeds : request.scale.seeds;
  for (int seed = 1; seed <= seeds; ++seed) {
    for (const Row& row : plan.rows) {
      for (const std::string& role : roles) {
        plan.runs.push_back(planner.run(row, role, seed, plan));
        plan.complexity.emplace(row.name, plan.runs.back().complexity);
      }
    }
  }
  for (const std::string& role : roles) {
    if (planner.is_built_in(role)) plan.scale.title += "; " + planner.dataset(role).title;
  }
  if (!roles.empty()) plan.input = planner.dataset(*roles.begin()).input;
  return plan;
}

std::vector<std::vector<std::string>> command_lines(const Plan& plan, const PlannedRun& run,
                                                    const std::vector<std::string>& launch) {
  std::vector<std::string> training = launch;
  if (!plan.scale.recipe.empty()) {
    training.insert(training.end(), {"--recipe", plan.scale.recipe});
  }
  training.insert(training.end(), {"--model", run.model, "--seed", std::to_string(run.seed)});
  add_options(training, run.options);
  if (!run.shards.training.empty()) {
    training.insert(training.end(),
                    {"--data", run.shards.training, "--val-data", run.shards.validation});
  }
  training.insert(training.end(), {"--scale", plan.scale.name, "--out", result_path(run),
                                   "--checkpoint-dir", checkpoint_folder(run), "--log-every", "2"});
  std::vector<std::vector<std::string>> lines{training};
  for (const Evaluation& evaluation : run.evaluations) {
    std::vector<std::string> line = launch;
    line.insert(line.end(), {"--eval-only", "--model", run.model, "--val-data",
                             run.shards.validation, "--checkpoint-dir", checkpoint_folder(run)});
    add_options(line, run.evaluation_options);
    add_options(line, evaluation.options);
    line.insert(line.end(),
                {"--scale", plan.scale.name, "--out", evaluation_path(run, evaluation.column)});
    lines.push_back(line);
  }
  return lines;
}

std::string result_path(const PlannedRun& run) {
  return run.folder + "/run.h5";
}

std::string evaluation_path(const PlannedRun& run, const std::string& column) {
  return fmt::format("{}/evaluation-{}.h5", run.folder, column);
}

std::string log_path(const PlannedRun& run) {
  return run.folder + "/run.log";
}

std::string checkpoint_folder(const PlannedRun& run) {
  return run.folder + "/checkpoints";
}

}  // namespace resnext::ablations
