#include "net/cuda/plan_store.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

#include <cuda_runtime_api.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "net/cuda/cuda_error.h"
#include "net/cuda/cudnn_handle.h"

namespace resnext::net::cuda {
namespace {

constexpr unsigned kMostThreads = 16;

/// FNV-1a: names files; the whole key stands in the file.
std::uint64_t hash(const std::string& text) {
  std::uint64_t value = 0xcbf29ce484222325;
  for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return value;
}

}  // namespace

PlanStore::PlanStore(cudnnHandle_t handle, std::string device, const PlanPolicy& policy,
                     std::string folder)
    : handle_(handle), device_(std::move(device)), policy_(policy), folder_(std::move(folder)) {
  std::error_code ignored;
  if (!folder_.empty()) std::filesystem::create_directories(folder_, ignored);
}

std::vector<std::shared_ptr<const ExecutionPlan>> PlanStore::plans(
    std::span<const TensorGraph> graphs) {
  std::vector<const TensorGraph*> missing;
  for (const TensorGraph& graph : graphs) {
    const std::string name = key(graph);
    if (!plans_.contains(name) && !restore(graph, name)) missing.push_back(&graph);
  }
  make(missing);
  std::vector<std::shared_ptr<const ExecutionPlan>> result;
  for (const TensorGraph& graph : graphs) result.push_back(plans_.at(key(graph)));
  return result;
}

std::size_t PlanStore::largest_workspace() const {
  std::size_t bytes = 0;
  for (const auto& [key, plan] : plans_) bytes = std::max(bytes, plan->workspace_bytes());
  return bytes;
}

std::string PlanStore::key(const TensorGraph& graph) const {
  return fmt::format("{}; cuDNN {}; {}; {}", device_, cudnnGetVersion(), policy_.text(),
                     graph.text());
}

std::string PlanStore::file(const std::string& key) const {
  return fmt::format("{}/{:016x}.json", folder_, hash(key));
}

/// The plan kept under `key`, or nothing.
std::string PlanStore::read(const std::string& key) const {
  std::ifstream stream(file(key));
  const nlohmann::json entry = nlohmann::json::parse(stream, nullptr, false);
  if (!entry.is_object() || entry.value("key", "") != key) return {};
  return entry.value("plan", "");
}

void PlanStore::write(const std::string& key, const std::string& plan) const {
  const std::string path = file(key), temporary = fmt::format("{}.{}", path, getpid());
  std::ofstream stream(temporary);
  stream << nlohmann::json{{"key", key}, {"plan", plan}}.dump();
  stream.close();
  std::error_code ignored;
  if (stream) {
    std::filesystem::rename(temporary, path, ignored);
  } else {
    std::filesystem::remove(temporary, ignored);
  }
}

bool PlanStore::restore(const TensorGraph& graph, const std::string& key) {
  if (folder_.empty()) return false;
  try {
    const std::string json = read(key);
    if (json.empty()) return false;
    plans_[key] = std::make_shared<const ExecutionPlan>(graph, PlanTarget{handle_}, json);
    ++restored_;
    return true;
  } catch (const std::exception&) {
    return false;  // damaged, or made by a cuDNN that was patched since
  }
}

/// Each thread plans with a handle of its own; what it found is then restored for ours.
void PlanStore::make(std::span<const TensorGraph* const> graphs) {
  if (graphs.empty()) return;
  int device = 0;
  check_cuda(cudaGetDevice(&device), "reading the current GPU");
  std::vector<std::string> found(graphs.size()), failures(graphs.size());
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    std::size_t i = 0;
    try {
      check_cuda(cudaSetDevice(device), "choosing the GPU");
      const CudnnHandle own;
      while ((i = next++) < graphs.size()) {
        found[i] = ExecutionPlan(*graphs[i], PlanTarget{own.get()}, policy_).json();
      }
    } catch (const std::exception& error) {
      if (i < failures.size()) failures[i] = error.what();
    }
  };
  const unsigned available = std::max(1U, std::thread::hardware_concurrency());
  const auto threads = std::min<std::size_t>({graphs.size(), available, kMostThreads});
  std::vector<std::thread> pool;
  for (std::size_t i = 0; i < threads; ++i) pool.emplace_back(work);
  for (std::thread& thread : pool) thread.join();
  for (std::size_t i = 0; i < graphs.size(); ++i) {
    if (!failures[i].empty()) throw std::runtime_error(failures[i]);
    if (found[i].empty()) throw std::runtime_error("no plan for " + graphs[i]->summary());
    const std::string name = key(*graphs[i]);
    plans_[name] = std::make_shared<const ExecutionPlan>(*graphs[i], PlanTarget{handle_}, found[i]);
    ++made_;
    if (!folder_.empty()) write(name, found[i]);
  }
}

}  // namespace resnext::net::cuda
