#include "net/cuda/graph_planner.h"

#include <array>
#include <cstdlib>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "net/cuda/planner_process.h"
#include "net/cuda/tensor_graph_json.h"

namespace resnext::net::cuda {
namespace {
namespace fs = std::filesystem;

/// The compute capability that cuDNN's properties name: 900 for 9.0.
int planned_sm(const std::string& device_json) {
  const nlohmann::json device = nlohmann::json::parse(device_json);
  return device.at("deviceVer").get<int>() / 10;
}

/// A driver for where there is none, in front of other libraries.
std::vector<std::string> planning_environment(const PlannerOptions& options) {
  std::string path = (options.program.parent_path() / "planning-driver").string();
  const char* const before = std::getenv("LD_LIBRARY_PATH");
  if (before != nullptr && *before != '\0') path += fmt::format(":{}", before);
  return {fmt::format("LD_LIBRARY_PATH={}", path),
          fmt::format("RESNEXT_PLANNED_SM={}", planned_sm(options.device_json))};
}

std::string version_text(std::size_t version) {
  return fmt::format("{}.{}.{}", version / 10000, version % 10000 / 100, version % 100);
}

class Planning {
 public:
  Planning(std::span<const TensorGraph> graphs, const PlannerOptions& options)
      : graphs_(graphs),
        options_(options),
        environment_(planning_environment(options)),
        finished_(graphs.size(), false) {
    result_.graphs.resize(graphs.size());
  }

  PlannedGraphs run() {
    while (true) {
      std::vector<std::size_t> pending;
      for (std::size_t i = 0; i < graphs_.size(); ++i) {
        if (!finished_[i]) pending.push_back(i);
      }
      if (pending.empty()) return result_;
      const std::vector<std::size_t> suspects = plan(pending, options_.threads);
      // Whatever a crashed child had begun is tried again, each by itself.
      for (const std::size_t suspect : suspects) plan_alone(suspect);
    }
  }

 private:
  /// Returns the graphs that a child had begun when it crashed.
  std::vector<std::size_t> plan(const std::vector<std::size_t>& numbers, int threads) {
    const ProcessResult child =
        run_process({options_.program, {}, environment_, request(numbers, threads)});
    std::vector<bool> begun(numbers.size(), false);
    for (std::size_t at = 0; at < child.output.size();) {
      const std::size_t end = child.output.find('\n', at);
      if (end == std::string::npos) break;  // a crash cut it off
      read_event(nlohmann::json::parse(child.output.substr(at, end - at)), numbers, begun);
      at = end + 1;
    }
    std::vector<std::size_t> suspects;
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      if (begun[i] && !finished_[numbers[i]]) suspects.push_back(numbers[i]);
    }
    last_signal_ = child.signal;
    if (child.signal == 0 || suspects.empty()) {
      for (const std::size_t number : numbers) {  // it must not be asked for ever
        if (finished_[number]) continue;
        give_up(number, fmt::format("the planner ended early (exit code {}, signal {})", child.code,
                                    child.signal));
      }
      return {};
    }
    return suspects;
  }

  void plan_alone(std::size_t number) {
    if (!plan({number}, 1).empty()) {
      give_up(number, fmt::format("cuDNN crashes on it (signal {})", last_signal_));
    }
  }

  void give_up(std::size_t number, std::string why_not) {
    result_.graphs[number].why_not = std::move(why_not);
    finished_[number] = true;
  }

  std::string request(const std::vector<std::size_t>& numbers, int threads) const {
    const nlohmann::json head{{"device", nlohmann::json::parse(options_.device_json)},
                              {"deterministic", options_.deterministic},
                              {"tensor_core_fp32", options_.precision == Precision::kTf32},
                              {"workspace_limit", options_.workspace_limit},
                              {"threads", threads}};
    std::string text = head.dump() + "\n";
    for (const std::size_t number : numbers) text += to_json(graphs_[number]).dump() + "\n";
    return text;
  }

  void read_event(const nlohmann::json& event, const std::vector<std::size_t>& numbers,
                  std::vector<bool>& begun) {
    if (event.contains("cudnn")) {
      result_.cudnn = version_text(event.at("cudnn").get<std::size_t>());
      return;
    }
    if (!event.contains("graph")) {
      throw std::runtime_error("the planner: " + event.at("error").get<std::string>());
    }
    const auto index = event.at("graph").get<std::size_t>();
    begun.at(index) = true;
    if (event.contains("started")) return;
    PlannedGraph& planned = result_.graphs[numbers.at(index)];
    finished_[numbers.at(index)] = true;
    if (event.contains("error")) {
      planned.why_not = event.at("error").get<std::string>();
      return;
    }
    planned.engine = event.at("engine").get<std::string>();
    planned.workspace = event.at("workspace").get<std::size_t>();
    planned.seconds = event.at("seconds").get<double>();
  }

  std::span<const TensorGraph> graphs_;
  const PlannerOptions& options_;
  std::vector<std::string> environment_;
  std::vector<bool> finished_;
  PlannedGraphs result_;
  int last_signal_ = 0;
};

}  // namespace

PlannedGraphs plan_graphs(std::span<const TensorGraph> graphs, const PlannerOptions& options) {
  return Planning(graphs, options).run();
}

std::string describe_present_gpu(const fs::path& program) {
  const std::array<std::string, 1> arguments{"--present-gpu"};
  // With the present driver: no other is put in front.
  const ProcessResult child = run_process({program, arguments, {}, {}});
  const auto answer = nlohmann::ordered_json::parse(child.output, nullptr, false);
  if (answer.is_discarded()) {
    throw std::runtime_error(fmt::format("{}: ended by signal {}", program.string(), child.signal));
  }
  if (answer.contains("error")) throw std::runtime_error(answer.at("error").get<std::string>());
  return answer.at("device").dump(2) + "\n";
}

std::optional<fs::path> find_planner(const fs::path& program_folder) {
  for (const char* folder : {"cuda", "../lib/resnext", "../lib/x86_64-linux-gnu/resnext",
                             "../lib64/resnext", "../net/cuda"}) {
    fs::path path = program_folder / folder / "resnext-plan-graphs";
    std::error_code ignored;
    if (fs::exists(path, ignored)) return path;
  }
  return std::nullopt;
}

}  // namespace resnext::net::cuda
