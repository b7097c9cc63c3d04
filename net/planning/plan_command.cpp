#include "net/planning/plan_command.h"

#include <array>
#include <filesystem>
#include <iostream>
#include <stdexcept>
#include <string_view>

#include <fmt/format.h>

#include "cli/program.h"
#include "net/cuda/graph_planner.h"
#include "net/planning/plan_report.h"
#include "net/planning/precision_name.h"
#include "net/planning/run_plan.h"

namespace resnext::net {
namespace {
namespace po = boost::program_options;
namespace fs = std::filesystem;

constexpr std::array kOwnOptions = {"batch-per-replica", "precision", "replicas", "ranks",
                                    "accumulate"};
constexpr std::string_view kThis = "this";
constexpr int kMostBatches = 65536;  // as in resnext-worker

/// A count that was given, else `usual`.
int count_of(const po::variables_map& values, const char* name, int usual) {
  const int count = values.contains(name) ? values[name].as<int>() : usual;
  if (count < 1 || count > kMostBatches) {
    throw cli::UsageError(fmt::format("--{} must be 1 to {}, not {}", name, kMostBatches, count));
  }
  return count;
}

Precision precision_of(const po::variables_map& values) {
  if (!values.contains("precision")) return Precision::kBf16;
  try {
    return parse_precision(values["precision"].as<std::string>());
  } catch (const std::invalid_argument& error) {
    throw cli::UsageError(fmt::format("--precision: {}", error.what()));
  }
}

RunRequest request_of(const po::variables_map& values, const Graph& graph) {
  RunRequest request;
  request.graph = graph;
  request.precision = precision_of(values);
  request.batch_per_replica = count_of(values, "batch-per-replica", request.batch_per_replica);
  request.ranks = count_of(values, "ranks", 1);
  request.replicas = count_of(values, "replicas", request.ranks);
  request.accumulate = count_of(values, "accumulate", 1);
  if (request.replicas % request.ranks != 0) {
    throw cli::UsageError(fmt::format("--ranks: {} ranks cannot share {} replicas evenly",
                                      request.ranks, request.replicas));
  }
  return request;
}

fs::path planner() {
  const fs::path folder = fs::read_symlink("/proc/self/exe").parent_path();
  if (const auto found = cuda::find_planner(folder)) return *found;
  throw std::runtime_error(
      "--plan needs resnext-plan-graphs, which a build with the CUDA libraries has; see "
      "net/README.md");
}

/// `--plan this` is the GPU at hand.
DeviceDescription device_of(const std::string& name) {
  if (name != kThis) return read_device(name);
  return parse_device(cuda::describe_present_gpu(planner()), "this GPU");
}

}  // namespace

void add_plan_options(po::options_description& options) {
  options.add_options()(
      "plan", po::value<std::string>()->value_name("GPU"),
      "plan a training run for a GPU that need not be here: a100, h100, h200, b200, or a FILE.json "
      "of the same form; exit code 0 only if it would work. 'this': the GPU at hand; without MODEL "
      "prints its description, for a FILE.json elsewhere")(
      "batch-per-replica", po::value<int>()->value_name("N"), "images of a replica in a step [32]")(
      "precision", po::value<std::string>()->value_name("fp32|tf32|bf16"),
      "of activations and products [bf16]")("ranks", po::value<int>()->value_name("N"),
                                            "GPUs that share the replicas [1]")(
      "replicas", po::value<int>()->value_name("N"), "logical replicas [one a rank]")(
      "accumulate", po::value<int>()->value_name("N"), "batches of a replica in a step [1]");
}

void refuse_plan_options(const po::variables_map& values) {
  for (const char* name : kOwnOptions) {
    if (values.contains(name)) {
      throw cli::UsageError(fmt::format("--{} goes with a MODEL and --plan", name));
    }
  }
}

bool describes_present_gpu(const po::variables_map& values) {
  return values["plan"].as<std::string>() == kThis && !values.contains("model");
}

int print_present_gpu(const po::variables_map& values) {
  refuse_plan_options(values);
  std::cout << cuda::describe_present_gpu(planner());
  return cli::kSuccess;
}

int run_plan_command(const po::variables_map& values, const Graph& graph) {
  if (!values["batch"].defaulted()) {
    throw cli::UsageError("--batch does not go with --plan: give --batch-per-replica");
  }
  RunRequest request = request_of(values, graph);
  try {
    request.device = device_of(values["plan"].as<std::string>());
    const RunPlan plan = plan_run(request, planner());
    std::cout << (values.contains("json") ? plan_json(plan) : plan_text(plan)) << std::flush;
    if (!plan.why_not().empty()) throw std::runtime_error(plan.why_not());
  } catch (const std::invalid_argument& error) {
    throw cli::UsageError(fmt::format("--plan: {}", error.what()));
  }
  return cli::kSuccess;
}

}  // namespace resnext::net
