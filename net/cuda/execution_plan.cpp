#include "net/cuda/execution_plan.h"

#include <algorithm>
#include <array>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace resnext::net::cuda {
namespace {

/// What cuDNN says about an engine.
struct EngineNotes {
  std::int64_t index = 0;
  bool nondeterministic = false, tensor_cores = false, down_converts = false, compiled = false;

  std::string text() const {
    std::vector<std::string> words{fmt::format("engine {}", index)};
    if (tensor_cores) words.emplace_back("tensor cores");
    if (compiled) words.emplace_back("compiled at run time");
    if (nondeterministic) words.emplace_back("not deterministic");
    return fmt::format("{}", fmt::join(words, ", "));
  }
};

template <typename Note, std::size_t kMost = 32>
std::vector<Note> notes(const Descriptor& engine, cudnnBackendAttributeName_t name,
                        cudnnBackendAttributeType_t type) {
  std::array<Note, kMost> values{};
  std::int64_t count = 0;
  check_cudnn(cudnnBackendGetAttribute(engine.get(), name, type, kMost, &count, values.data()),
              "reading an engine's notes");
  return {values.begin(), values.begin() + std::min<std::int64_t>(count, kMost)};
}

EngineNotes notes_of(const Descriptor& configuration) {
  Descriptor engine(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  cudnnBackendDescriptor_t raw = engine.get();
  std::int64_t count = 0;
  check_cudnn(
      cudnnBackendGetAttribute(configuration.get(), CUDNN_ATTR_ENGINECFG_ENGINE,
                               CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &count, static_cast<void*>(&raw)),
      "reading a configuration's engine");
  EngineNotes result;
  result.index = engine.integer(CUDNN_ATTR_ENGINE_GLOBAL_INDEX);
  for (const auto note : notes<cudnnBackendNumericalNote_t>(
           engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE)) {
    result.nondeterministic |= note == CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC;
    result.tensor_cores |= note == CUDNN_NUMERICAL_NOTE_TENSOR_CORE;
    result.down_converts |= note == CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS;
  }
  for (const auto note : notes<cudnnBackendBehaviorNote_t>(engine, CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE,
                                                           CUDNN_TYPE_BEHAVIOR_NOTE)) {
    result.compiled |= note == CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION;
  }
  return result;
}

bool multiplies_matrices(OperationKind kind) {
  return kind == OperationKind::kConvolutionForward ||
         kind == OperationKind::kConvolutionBackwardData ||
         kind == OperationKind::kConvolutionBackwardWeights ||
         kind == OperationKind::kMatrixProduct;
}

/// Tensor cores compute products of fp32 by rounding the factors; bf16 loses nothing, and where
/// nothing is multiplied the note says nothing.
bool has_fp32_products(const TensorGraph& graph) {
  const bool any = std::ranges::any_of(
      graph.operations, [](const auto& operation) { return multiplies_matrices(operation.kind); });
  return any && std::ranges::none_of(graph.tensors, [](const TensorDescription& tensor) {
           return tensor.type == DataType::kBf16;
         });
}

}  // namespace

Descriptor describe_device(const std::string& json) {
  Descriptor device(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  device.set_text(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, json);
  device.finalize("a device description");
  return device;
}

std::string PlanPolicy::text() const {
  return fmt::format("deterministic {} tf32 {} workspace {}", deterministic, tensor_core_fp32,
                     workspace_limit);
}

ExecutionPlan::ExecutionPlan(const TensorGraph& graph, const PlanTarget& target,
                             const PlanPolicy& policy)
    : tensors_(graph.tensors),
      has_fp32_products_(has_fp32_products(graph)),
      graph_(graph, target.handle),
      plan_(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR) {
  std::string why_not = "cuDNN's heuristics know no engine for it";
  for (const auto mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK}) {
    configurations_ = candidates(graph_, target, mode);
    for (const Descriptor& configuration : configurations_) {
      if (try_configuration(configuration, target, policy, why_not)) return;
    }
  }
  throw std::runtime_error(fmt::format("no plan for {}: {}", graph.summary(), why_not));
}

ExecutionPlan::ExecutionPlan(const TensorGraph& graph, const PlanTarget& target,
                             const std::string& json)
    : tensors_(graph.tensors),
      graph_(graph, target.handle),
      plan_(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR) {
  if (target.handle != nullptr) {
    plan_.set_handle(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, target.handle);
  } else {
    plan_.set(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, *target.device);
  }
  plan_.set_text(CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, json);
  plan_.finalize("a plan from the cache");
  workspace_bytes_ = std::size_t(plan_.integer(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE));
  engine_ = "from the cache";
}

/// cuDNN's engine configurations for the graph, the most promising first.
std::vector<Descriptor> ExecutionPlan::candidates(const OperationGraph& graph,
                                                  const PlanTarget& target,
                                                  cudnnBackendHeurMode_t mode) {
  Descriptor heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph.descriptor());
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode);
  if (target.device != nullptr) {
    heuristics.set(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, *target.device);
  }
  std::int64_t count = 0;
  // cuDNN reports "nothing fits" as a failure here; that is an empty answer, not an error.
  if (cudnnBackendFinalize(heuristics.get()) != CUDNN_STATUS_SUCCESS ||
      cudnnBackendGetAttribute(heuristics.get(), CUDNN_ATTR_ENGINEHEUR_RESULTS,
                               CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, &count,
                               nullptr) != CUDNN_STATUS_SUCCESS) {
    return {};
  }
  std::vector<Descriptor> found;
  std::vector<cudnnBackendDescriptor_t> raw;
  for (std::int64_t i = 0; i < count; ++i) {
    raw.push_back(found.emplace_back(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR).get());
  }
  if (count > 0) {
    check_cudnn(cudnnBackendGetAttribute(heuristics.get(), CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                         CUDNN_TYPE_BACKEND_DESCRIPTOR, count, &count,
                                         static_cast<void*>(raw.data())),
                "reading the heuristics' results");
  }
  found.erase(found.begin() + count, found.end());
  return found;
}

bool ExecutionPlan::try_configuration(const Descriptor& configuration, const PlanTarget& target,
                                      const PlanPolicy& policy, std::string& why_not) {
  const EngineNotes engine = notes_of(configuration);
  if (policy.deterministic && engine.nondeterministic) {
    why_not = "only engines that are not deterministic";
    return false;
  }
  const bool rounds = engine.tensor_cores || engine.down_converts;
  if (rounds && !policy.tensor_core_fp32 && has_fp32_products_) {
    why_not = "only engines that round fp32 to TF32 (use --precision tf32)";
    return false;
  }
  Descriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
  if (target.handle != nullptr) {
    plan.set_handle(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, target.handle);
  } else {
    plan.set(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, *target.device);
  }
  plan.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, configuration);
  try {
    plan.finalize("an execution plan");
  } catch (const std::runtime_error& error) {
    why_not = error.what();
    return false;
  }
  const auto bytes = std::size_t(plan.integer(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE));
  if (bytes > policy.workspace_limit) {
    why_not = fmt::format("it needs {} MiB of workspace", bytes >> 20);
    return false;
  }
  plan_ = std::move(plan);
  workspace_bytes_ = bytes;
  engine_ = engine.text();
  return true;
}

std::string ExecutionPlan::json() const {
  return plan_.text(CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION);
}

}  // namespace resnext::net::cuda
