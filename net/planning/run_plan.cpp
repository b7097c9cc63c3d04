#include "net/planning/run_plan.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <stdexcept>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "net/cuda/roofline.h"
#include "net/cuda_plugin.h"

namespace resnext::net {
namespace {

constexpr double kGiB = 1024.0 * 1024 * 1024;

using Programs = std::array<cuda::DeviceProgram, 2>;

void plan_with_cudnn(RunPlan& plan, const Programs& programs,
                     const std::filesystem::path& planner) {
  cuda::PlannerOptions options;
  options.program = planner;
  options.device_json = plan.request.device.cudnn_json;
  options.precision = plan.request.precision;
  options.threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  std::vector<DistinctGraph> distinct = distinct_graphs(programs);
  const auto start = std::chrono::steady_clock::now();
  cuda::PlannedGraphs planned = cuda::plan_graphs(graphs_of(distinct), options);
  plan.planning_seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  plan.cudnn = planned.cudnn;
  for (std::size_t i = 0; i < distinct.size(); ++i) {
    plan.graphs.push_back({std::move(distinct[i]), std::move(planned.graphs[i])});
  }
}

std::size_t largest_workspace(const RunPlan& plan) {
  std::size_t bytes = 0;
  for (const GraphPlan& graph : plan.graphs) bytes = std::max(bytes, graph.plan.workspace);
  return bytes;
}

LeastTimes least_times(const RunRequest& request, const Programs& programs) {
  const DeviceFigures& figures = request.device.figures;
  const auto pass = [&](const cuda::DeviceProgram& program) {
    return cuda::least_time(cuda::step_costs(program), figures, request.precision);
  };
  const cuda::StepCost update =
      cuda::update_cost(request.graph.parameter_count / std::size_t(request.ranks), request.type());
  return {request.local_batches() * pass(programs[0]) +
              cuda::least_time(update, figures, request.precision),
          pass(programs[1])};
}

/// cuDNN itself would say nothing of use, or crash.
void require_plannable(const DeviceDescription& device) {
  if (device.cudnn_json.empty()) {
    throw std::invalid_argument(fmt::format(
        "{} has no 'cudnn' section, so cuDNN cannot plan for it; resnext-info --plan this writes "
        "one on the GPU itself",
        device.where));
  }
  const int capability = nlohmann::json::parse(device.cudnn_json).at("deviceVer").get<int>() / 10;
  if (capability < kLeastComputeCapability) {
    throw std::invalid_argument(
        fmt::format("{} has compute capability {}.{}; cuDNN 9 computes on {}.{} and newer",
                    device.name, capability / 10, capability % 10, kLeastComputeCapability / 10,
                    kLeastComputeCapability % 10));
  }
}

std::string why_too_large(const RunPlan& plan) {
  const std::string needs =
      fmt::format("{} images a replica need {:.1f} GiB of the {:.1f} GiB of {}",
                  plan.request.batch_per_replica, double(plan.memory.total()) / kGiB,
                  double(plan.available_bytes()) / kGiB, plan.request.device.name);
  return plan.largest_batch > 0 ? fmt::format("{}; --batch-per-replica {} is the largest that fits",
                                              needs, plan.largest_batch)
                                : needs + "; not even one image fits";
}

}  // namespace

cuda::DataType RunRequest::type() const {
  return precision == Precision::kBf16 ? cuda::DataType::kBf16 : cuda::DataType::kFloat;
}

bool RunPlan::is_supported() const {
  return std::ranges::all_of(graphs,
                             [](const GraphPlan& graph) { return graph.plan.is_supported(); });
}

std::string RunPlan::why_not() const {
  if (!fits()) return why_too_large(*this);
  const auto unsupported = std::ranges::find_if(
      graphs, [](const GraphPlan& graph) { return !graph.plan.is_supported(); });
  if (unsupported == graphs.end()) return {};
  const DistinctGraph& graph = unsupported->graph;
  return fmt::format("{} has no plan on {}: {}",
                     graph.training.empty() ? graph.inference.front() : graph.training.front(),
                     request.device.name, unsupported->plan.why_not);
}

RunPlan plan_run(const RunRequest& request, const std::filesystem::path& planner) {
  require_plannable(request.device);
  RunPlan plan;
  plan.request = request;
  const Programs programs{
      cuda::lower(request.graph, request.batch_per_replica, request.type(), true),
      cuda::lower(request.graph, request.batch_per_replica, request.type(), false)};
  plan_with_cudnn(plan, programs, planner);
  plan.own_kernels = own_kernels(programs);
  plan.memory = cuda::memory_needs(request.graph, request.shape(), largest_workspace(plan));
  plan.largest_batch = cuda::largest_batch(request.graph, request.shape(), plan.memory.workspace,
                                           plan.available_bytes());
  plan.least_times = least_times(request, programs);
  return plan;
}

}  // namespace resnext::net
