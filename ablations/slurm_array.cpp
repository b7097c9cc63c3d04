#include "ablations/slurm_array.h"

#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "data/durable_file.h"
#include "launcher/mpirun_line.h"

namespace resnext::ablations {
namespace {

namespace fs = std::filesystem;

constexpr const char* kScript = "array.sh";
constexpr const char* kRecord = "runs.json";

fs::path slurm_folder(const Plan& plan) {
  return fs::absolute(plan.folder) / "slurm";
}

std::string exit_code_path(const PlannedRun& run) {
  return run.folder + "/exit_code";
}

/// bash's `wait` returns early when a trapped signal comes, so that it is called again.
constexpr const char* kTask = R"(#!/bin/bash
run() {{
  "$@" >>{log} 2>&1 &
  child=$!
  while true; do
    wait "$child"
    code=$?
    kill -0 "$child" 2>/dev/null || return $code
  done
}}
trap 'kill -TERM "$child"' TERM
rm -f {exit_code}
{lines}
echo $? >{exit_code}
)";

constexpr const char* kArray = R"(#!/bin/bash
exec /bin/bash {folder}/task-"$SLURM_ARRAY_TASK_ID".sh
)";

std::string task_script(const Plan& plan, const PlannedRun& run,
                        const std::vector<std::string>& launch) {
  std::string lines;
  for (const auto& line : command_lines(plan, run, launch)) {
    lines += (lines.empty() ? "run " : " &&\n  run ") + launcher::shell_line(line);
  }
  return fmt::format(kTask, fmt::arg("log", launcher::shell_line({log_path(run)})),
                     fmt::arg("exit_code", launcher::shell_line({exit_code_path(run)})),
                     fmt::arg("lines", lines));
}

}  // namespace

std::vector<SlurmArray> read_arrays(const Plan& plan) {
  std::vector<SlurmArray> arrays;
  if (!fs::is_directory(slurm_folder(plan))) return arrays;
  for (const auto& entry : fs::directory_iterator(slurm_folder(plan))) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(plan.table.name + "-array")) continue;
    std::ifstream file(entry.path() / kRecord);
    const auto folders = nlohmann::json::parse(file, nullptr, false);
    if (!folders.is_array()) continue;
    arrays.push_back({entry.path() / kScript, entry.path() / kRecord, folders});
  }
  return arrays;
}

SlurmArray write_array(const Plan& plan, const std::vector<const PlannedRun*>& runs,
                       const std::vector<std::string>& launch) {
  // Tasks that wait in the queue may still need the scripts of earlier arrays.
  fs::path folder;
  for (int number = 1; fs::exists(folder) || folder.empty(); ++number) {
    folder = slurm_folder(plan) / fmt::format("{}-array{}", plan.table.name, number);
  }
  fs::create_directories(folder);
  SlurmArray array{folder / kScript, folder / kRecord, {}};
  for (std::size_t task = 0; task < runs.size(); ++task) {
    data::replace_file(folder / fmt::format("task-{}.sh", task),
                       task_script(plan, *runs[task], launch));
    array.folders.push_back(runs[task]->folder);
  }
  const std::string quoted = launcher::shell_line({folder.string()});
  data::replace_file(array.script, fmt::format(kArray, fmt::arg("folder", quoted)));
  data::replace_file(array.record, nlohmann::json(array.folders).dump(2) + "\n");
  return array;
}

int left_exit_code(const PlannedRun& run) {
  std::ifstream file(exit_code_path(run));
  int code = -1;
  file >> code;
  return file ? code : -1;
}

}  // namespace resnext::ablations
