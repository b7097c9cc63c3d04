// cuDNN's backend functions, in front of the real library: that still checks descriptors, chooses
// engines and compiles plans, for the GPU that $CUDNN_TEST_DEVICE_JSON describes. Executing a plan
// computes its graph on the host, as work of the handle's stream.

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include <dlfcn.h>
#include <nlohmann/json.hpp>

#include "tests/cuda_standin/cudnn_execution.h"
#include "tests/cuda_standin/standin.h"

namespace resnext::standin {
namespace {

using Descriptor = cudnnBackendDescriptor_t;

[[noreturn]] void fail(const std::string& why) {
  std::fprintf(stderr, "[standin] cuDNN: %s\n", why.c_str());
  std::abort();
}

template <typename Function>
Function* real(const char* name) {
  // By its own handle: a plugin loads the library where the rest of the program does not see it.
  static void* const library = dlopen("libcudnn.so.9", RTLD_NOW | RTLD_LOCAL);
  void* symbol = library != nullptr ? dlsym(library, name) : nullptr;
  if (symbol == nullptr) fail(std::string("no ") + name + " in libcudnn.so.9");
  return reinterpret_cast<Function*>(symbol);
}

#define STANDIN_REAL(function) (real<decltype(function)>(#function))

struct Handle {
  cudaStream_t stream = nullptr;
};

Handle* handle_of(cudnnHandle_t handle) {
  return reinterpret_cast<Handle*>(handle);
}

/// The descriptors that live. Never locked while the real library runs: it is called from many
/// threads, and may call itself.
struct RecordTable {
  std::mutex mutex;
  Records records;
};

RecordTable& table() {
  static auto* const instance = new RecordTable;  // outlives descriptors freed at exit
  return *instance;
}

/// A plan restored from text does not say what it computes: it is the graph made just before it.
thread_local RecordedGraphPtr last_graph;

/// cuDNN's description of the GPU.
std::string device_json() {
  const char* file = std::getenv("CUDNN_TEST_DEVICE_JSON");
  if (file == nullptr) fail("CUDNN_TEST_DEVICE_JSON names no description of a GPU");
  std::ifstream stream(file);
  if (!stream) fail(std::string(file) + " cannot be read");
  auto description = nlohmann::ordered_json::parse(stream);
  if (description.contains("cudnn")) description = description["cudnn"];  // a file of net/devices
  return description.dump();
}

cudnnStatus_t describe(Descriptor device) {
  const std::string json = device_json();
  return STANDIN_REAL(cudnnBackendSetAttribute)(device, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION,
                                                CUDNN_TYPE_CHAR, std::int64_t(json.size()),
                                                json.data());
}

Descriptor make_device() {
  Descriptor device = nullptr;
  if (STANDIN_REAL(cudnnBackendCreateDescriptor)(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR, &device) !=
          CUDNN_STATUS_SUCCESS ||
      describe(device) != CUDNN_STATUS_SUCCESS ||
      STANDIN_REAL(cudnnBackendFinalize)(device) != CUDNN_STATUS_SUCCESS) {
    fail("CUDNN_TEST_DEVICE_JSON does not describe a GPU");
  }
  return device;
}

Descriptor device() {
  static Descriptor const instance = make_device();
  return instance;
}

cudnnStatus_t set_device(Descriptor descriptor, cudnnBackendAttributeName_t name) {
  Descriptor value = device();
  return STANDIN_REAL(cudnnBackendSetAttribute)(descriptor, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
                                                static_cast<const void*>(&value));
}

std::size_t size_of(cudnnBackendAttributeType_t type) {
  switch (type) {
    case CUDNN_TYPE_INT64:
    case CUDNN_TYPE_DOUBLE:
    case CUDNN_TYPE_VOID_PTR:
    case CUDNN_TYPE_BACKEND_DESCRIPTOR:
    case CUDNN_TYPE_HANDLE:
      return 8;
    case CUDNN_TYPE_FRACTION:
      return sizeof(cudnnFraction_t);
    case CUDNN_TYPE_CHAR:
    case CUDNN_TYPE_BOOLEAN:
      return 1;
    default:
      return 4;
  }
}

Record record_of(Descriptor descriptor) {
  const std::lock_guard lock(table().mutex);
  const auto found = table().records.find(descriptor);
  return found != table().records.end() ? found->second : Record{};
}

RecordedGraphPtr graph_of(const Record& record, cudnnBackendAttributeName_t name) {
  const auto other = attribute<Descriptor>(record.attributes, name);
  return other != nullptr ? record_of(other).graph : nullptr;
}

/// What graph a descriptor stands for, once it is final.
RecordedGraphPtr final_graph(const Record& record) {
  switch (record.kind) {
    case CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR: {
      const std::lock_guard lock(table().mutex);
      return last_graph = record_graph(record, table().records);
    }
    case CUDNN_BACKEND_ENGINE_DESCRIPTOR:
      return graph_of(record, CUDNN_ATTR_ENGINE_OPERATION_GRAPH);
    case CUDNN_BACKEND_ENGINECFG_DESCRIPTOR:
      return graph_of(record, CUDNN_ATTR_ENGINECFG_ENGINE);
    case CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR:
      return graph_of(record, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH);
    case CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR:
      return record.attributes.contains(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG)
                 ? graph_of(record, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG)
                 : last_graph;
    default:
      return nullptr;
  }
}

cudnnStatus_t refuse(const std::string& why) {
  std::fprintf(stderr, "[standin] cuDNN: %s\n", why.c_str());
  return CUDNN_STATUS_BAD_PARAM;
}

struct Workspace {
  void* start = nullptr;
  std::size_t bytes = 0;

  std::string complaint() const {
    if (bytes == 0) return "";
    const std::string name = "the workspace of " + std::to_string(bytes) + " bytes";
    if (start == nullptr) return name + " is missing";
    if (reinterpret_cast<std::uintptr_t>(start) % 16 != 0) return name + " is not aligned";
    return in_device_memory(start, bytes) ? "" : name + " does not lie in device memory";
  }
};

Workspace workspace_of(Descriptor plan, const Record& pack) {
  std::int64_t bytes = 0, count = 0;
  STANDIN_REAL(cudnnBackendGetAttribute)
  (plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, &count, &bytes);
  return {attribute<void*>(pack.attributes, CUDNN_ATTR_VARIANT_PACK_WORKSPACE), std::size_t(bytes)};
}

std::map<std::int64_t, void*> pointers_of(const Record& pack) {
  const auto ids = pack.attributes.at(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS).values<std::int64_t>();
  const auto pointers = pack.attributes.at(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS).values<void*>();
  std::map<std::int64_t, void*> result;
  for (std::size_t i = 0; i < ids.size() && i < pointers.size(); ++i) result[ids[i]] = pointers[i];
  return result;
}

}  // namespace
}  // namespace resnext::standin

using namespace resnext::standin;

extern "C" {

cudnnStatus_t cudnnCreate(cudnnHandle_t* handle) {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess) return CUDNN_STATUS_NOT_INITIALIZED;
  device();
  *handle = reinterpret_cast<cudnnHandle_t>(std::make_unique<Handle>().release());
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) {
  const std::unique_ptr<Handle> owner(handle_of(handle));
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
  handle_of(handle)->stream = stream;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetStream(cudnnHandle_t handle, cudaStream_t* stream) {
  *stream = handle_of(handle)->stream;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t kind,
                                           Descriptor* descriptor) {
  const cudnnStatus_t status = STANDIN_REAL(cudnnBackendCreateDescriptor)(kind, descriptor);
  if (status == CUDNN_STATUS_SUCCESS) {
    const std::lock_guard lock(table().mutex);
    table().records[*descriptor] = {kind, {}, nullptr};
  }
  return status;
}

cudnnStatus_t cudnnBackendDestroyDescriptor(Descriptor descriptor) {
  {
    const std::lock_guard lock(table().mutex);
    table().records.erase(descriptor);
  }
  return STANDIN_REAL(cudnnBackendDestroyDescriptor)(descriptor);
}

cudnnStatus_t cudnnBackendSetAttribute(Descriptor descriptor, cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, std::int64_t count,
                                       const void* values) {
  // The real library knows no handle; it gets the described GPU instead.
  if (name == CUDNN_ATTR_OPERATIONGRAPH_HANDLE) return CUDNN_STATUS_SUCCESS;
  if (name == CUDNN_ATTR_EXECUTION_PLAN_HANDLE) {
    return set_device(descriptor, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP);
  }
  if (name == CUDNN_ATTR_DEVICEPROP_HANDLE) return describe(descriptor);
  bool is_pack = false;
  {
    const std::lock_guard lock(table().mutex);
    Record& record = table().records[descriptor];
    const char* bytes = static_cast<const char*>(values);
    record.attributes[name] = {count, {bytes, bytes + std::size_t(count) * size_of(type)}};
    is_pack = record.kind == CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR;
  }
  if (is_pack) return CUDNN_STATUS_SUCCESS;
  return STANDIN_REAL(cudnnBackendSetAttribute)(descriptor, name, type, count, values);
}

cudnnStatus_t cudnnBackendFinalize(Descriptor descriptor) {
  const Record record = record_of(descriptor);
  if (record.kind == CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR) return CUDNN_STATUS_SUCCESS;
  if (record.kind == CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR &&
      !record.attributes.contains(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP)) {
    set_device(descriptor, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP);
  }
  const cudnnStatus_t status = STANDIN_REAL(cudnnBackendFinalize)(descriptor);
  if (status != CUDNN_STATUS_SUCCESS) return status;
  RecordedGraphPtr graph = final_graph(record);
  const std::lock_guard lock(table().mutex);
  table().records[descriptor].graph = std::move(graph);
  return status;
}

cudnnStatus_t cudnnBackendGetAttribute(Descriptor descriptor, cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, std::int64_t capacity,
                                       std::int64_t* count, void* values) {
  const cudnnStatus_t status =
      STANDIN_REAL(cudnnBackendGetAttribute)(descriptor, name, type, capacity, count, values);
  if (status == CUDNN_STATUS_SUCCESS && name == CUDNN_ATTR_ENGINEHEUR_RESULTS &&
      values != nullptr) {
    const RecordedGraphPtr graph = record_of(descriptor).graph;
    const auto* configurations = static_cast<const Descriptor*>(values);
    const std::lock_guard lock(table().mutex);
    for (std::int64_t i = 0; i < std::min(capacity, *count); ++i) {
      table().records[configurations[i]].graph = graph;
    }
  }
  return status;
}

cudnnStatus_t cudnnBackendExecute(cudnnHandle_t handle, Descriptor plan, Descriptor variant_pack) {
  const RecordedGraphPtr graph = record_of(plan).graph;
  if (graph == nullptr) return refuse("a plan whose graph is not known");
  const Record pack = record_of(variant_pack);
  const Workspace workspace = workspace_of(plan, pack);
  if (!workspace.complaint().empty()) return refuse(workspace.complaint());
  const auto execution = std::make_shared<Execution>(graph, pointers_of(pack));
  if (!execution->complaint().empty()) return refuse(execution->complaint());
  const cudaError_t status = enqueue(handle_of(handle)->stream, "cuDNN graph", [=] {
    if (workspace.bytes > 0) std::memset(workspace.start, kPoison, workspace.bytes);
    execution->run();
  });
  return status == cudaSuccess ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_EXECUTION_FAILED_CUDART;
}
}
