#include "net/planning/plan_report.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "net/planning/precision_name.h"

namespace resnext::net {
namespace {
using Json = nlohmann::ordered_json;

std::string mebibytes(std::size_t bytes) {
  return fmt::format("{:.1f}", double(bytes) / (1 << 20));
}

/// The parts of a run's memory in the order of the report: name in JSON, and for people.
struct MemoryPart {
  std::string_view key, name;
  std::size_t bytes;
};
std::array<MemoryPart, 6> memory_parts(const cuda::MemoryNeeds& memory) {
  return {{{"activations", "activations and their gradients", memory.activations},
           {"weights", "working weights and running statistics", memory.weights},
           {"arenas", "fp32 weights, momentum, gradients, sums", memory.arenas},
           {"staging", "three batches of images", memory.staging},
           {"workspace", "workspace of the plans", memory.workspace},
           {"libraries", "CUDA, cuDNN and NCCL (an estimate)", memory.libraries}}};
}

std::vector<std::string> estimates(const RunPlan& plan) {
  return {fmt::format("figures of the GPU: {}", plan.request.device.figures.source),
          fmt::format("{} MiB for CUDA, cuDNN and NCCL: seen elsewhere, not measured",
                      mebibytes(plan.memory.libraries)),
          "the largest batch supposes plans with the workspace of this one",
          "images/s are a bound by peak FLOP/s and memory bandwidth, without traffic between GPUs: "
          "a run stays below"};
}

// Text -------------------------------------------------------------------------------------------

std::string head_text(const RunRequest& request) {
  const std::string batches = request.accumulate > 1
                                  ? fmt::format(", {} batches a step", request.accumulate)
                                  : std::string();
  return fmt::format(
      "{} on {}: {} images of {}x{}x{} a replica, {} classes, {}; {} replica{} on {} rank{}{}\n\n",
      request.graph.spec.name, request.device.name, request.batch_per_replica,
      request.graph.input.height, request.graph.input.width, request.graph.input.channels,
      request.graph.classes, precision_name(request.precision), request.replicas,
      request.replicas == 1 ? "" : "s", request.ranks, request.ranks == 1 ? "" : "s", batches);
}

std::string_view pass_of(const DistinctGraph& graph) {
  if (graph.inference.empty()) return "training";
  return graph.training.empty() ? "inference" : "both";
}

std::string uses_of(const DistinctGraph& graph) {
  const auto& names = graph.training.empty() ? graph.inference : graph.training;
  if (names.size() <= 2) return fmt::format("{}", fmt::join(names, ", "));
  return fmt::format("{}, {} and {} more", names[0], names[1], names.size() - 2);
}

std::string graphs_text(const RunPlan& plan) {
  const auto supported = std::ranges::count_if(
      plan.graphs, [](const GraphPlan& graph) { return graph.plan.is_supported(); });
  std::string text = fmt::format(
      "cuDNN {} has a plan for {} of {} graphs, found in {:.1f} s:\n"
      "{:<11}{:>9}  {:<48}{}\n",
      plan.cudnn, supported, plan.graphs.size(), plan.planning_seconds, "pass", "workspace",
      "engine", "layers");
  for (const GraphPlan& graph : plan.graphs) {
    text += fmt::format("{:<11}{:>9}  {:<48}{}\n", pass_of(graph.graph),
                        graph.plan.is_supported() ? mebibytes(graph.plan.workspace) : "-",
                        graph.plan.is_supported() ? graph.plan.engine : "NOT SUPPORTED",
                        uses_of(graph.graph));
    if (!graph.plan.is_supported()) text += fmt::format("{:<22}{}\n", "", graph.plan.why_not);
  }
  return text;
}

std::string kernels_text(const RunPlan& plan) {
  std::vector<std::string> training, inference;
  for (const OwnKernel& kernel : plan.own_kernels) {
    if (kernel.training > 0) training.push_back(fmt::format("{} {}", kernel.training, kernel.work));
    if (kernel.inference > 0) {
      inference.push_back(fmt::format("{} {}", kernel.inference, kernel.work));
    }
  }
  return fmt::format(
      "\nOwn kernels, which need no plan:\n"
      "training   {}\ninference  {}\nupdate     {}\n",
      fmt::join(training, ", "), fmt::join(inference, ", "), kUpdateWork);
}

std::string memory_text(const RunPlan& plan) {
  std::string text = "\nMemory of one GPU in MiB:\n";
  for (const MemoryPart& part : memory_parts(plan.memory)) {
    text += fmt::format("{:>10}  {}\n", mebibytes(part.bytes), part.name);
  }
  return text + fmt::format("{:>10}  in all, of {}: {}; the largest batch that fits is {}\n",
                            mebibytes(plan.memory.total()), mebibytes(plan.available_bytes()),
                            plan.fits() ? "fits" : "DOES NOT FIT", plan.largest_batch);
}

std::string speed_text(const RunPlan& plan) {
  const LeastTimes& times = plan.least_times;
  return fmt::format(
      "\nBound by the roofline of one GPU:\n"
      "training   at most {:.0f} images/s ({} images in {:.2f} ms)\n"
      "inference  at most {:.0f} images/s ({} images in {:.2f} ms)\n",
      plan.images_per_step() / times.training_step, plan.images_per_step(),
      1e3 * times.training_step, plan.request.batch_per_replica / times.inference_pass,
      plan.request.batch_per_replica, 1e3 * times.inference_pass);
}

// JSON -------------------------------------------------------------------------------------------

Json graph_json(const GraphPlan& graph) {
  Json json{{"graph", graph.graph.graph.summary()}, {"supported", graph.plan.is_supported()},
            {"engine", graph.plan.engine},          {"workspace_bytes", graph.plan.workspace},
            {"seconds", graph.plan.seconds},        {"training", graph.graph.training},
            {"inference", graph.graph.inference}};
  if (!graph.plan.is_supported()) json["why_not"] = graph.plan.why_not;
  return json;
}

Json request_json(const RunRequest& request) {
  const Shape& input = request.graph.input;
  return {
      {"model", request.graph.spec.name},
      {"device", {{"name", request.device.name}, {"from", request.device.where}}},
      {"input", {{"height", input.height}, {"width", input.width}, {"channels", input.channels}}},
      {"classes", request.graph.classes},
      {"precision", precision_name(request.precision)},
      {"batch_per_replica", request.batch_per_replica},
      {"replicas", request.replicas},
      {"ranks", request.ranks},
      {"accumulate", request.accumulate}};
}

Json memory_json(const RunPlan& plan) {
  Json json;
  for (const MemoryPart& part : memory_parts(plan.memory)) json[part.key] = part.bytes;
  json["total"] = plan.memory.total();
  json["available"] = plan.available_bytes();
  return json;
}

Json bound_json(const RunPlan& plan) {
  const LeastTimes& times = plan.least_times;
  return {{"training_step_seconds", times.training_step},
          {"training_images_per_second", plan.images_per_step() / times.training_step},
          {"inference_pass_seconds", times.inference_pass},
          {"inference_images_per_second", plan.request.batch_per_replica / times.inference_pass}};
}

}  // namespace

const char* const kPlanJsonKeys =
    "Keys of --plan --json: model, device {name, from}, input, classes, precision,\n"
    "batch_per_replica, replicas, ranks, accumulate, cudnn, planning_seconds, supported, fits,\n"
    "why_not (empty: the run would work), largest_batch_per_replica, graphs [{graph, supported,\n"
    "engine, workspace_bytes, seconds, training and inference (steps that compute it), why_not}],\n"
    "own_kernels [{work, training, inference}], memory (bytes of one GPU: activations,\n"
    "weights, arenas, staging, workspace, libraries, total, available), bound (of one GPU:\n"
    "training_step_seconds, training_images_per_second, inference_pass_seconds,\n"
    "inference_images_per_second), estimates.\n";

std::string plan_text(const RunPlan& plan) {
  std::string text = head_text(plan.request) + graphs_text(plan) + kernels_text(plan) +
                     memory_text(plan) + speed_text(plan) + "\nEstimates:\n";
  for (const std::string& estimate : estimates(plan)) text += fmt::format("- {}\n", estimate);
  return text;
}

std::string plan_json(const RunPlan& plan) {
  Json json = request_json(plan.request);
  json["cudnn"] = plan.cudnn;
  json["planning_seconds"] = plan.planning_seconds;
  json["supported"] = plan.is_supported();
  json["fits"] = plan.fits();
  json["why_not"] = plan.why_not();
  json["largest_batch_per_replica"] = plan.largest_batch;
  json["graphs"] = Json::array();
  for (const GraphPlan& graph : plan.graphs) json["graphs"].push_back(graph_json(graph));
  json["own_kernels"] = Json::array();
  for (const OwnKernel& kernel : plan.own_kernels) {
    json["own_kernels"].push_back(
        {{"work", kernel.work}, {"training", kernel.training}, {"inference", kernel.inference}});
  }
  json["memory"] = memory_json(plan);
  json["bound"] = bound_json(plan);
  json["estimates"] = estimates(plan);
  return json.dump(2) + "\n";
}

}  // namespace resnext::net
