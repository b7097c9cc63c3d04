// resnext-plan-graphs: asks cuDNN for plans, for a GPU that is only described. A program of its own
// because cuDNN's heuristics can crash; resnext-info --plan starts it, and again after a crash.
//
// Standard input: one line {"device": {...}, "deterministic": bool, "tensor_core_fp32": bool,
// "workspace_limit": bytes, "threads": n}, then a tensor graph a line (tensor_graph_json.h).
// Standard output, a line for each event: {"graph": n, "started": true}, then {"graph": n,
// "engine": text, "workspace": bytes, "seconds": s} or {"graph": n, "error": text}; first of all
// {"cudnn": version} or {"error": text}.
//
// With --present-gpu it reads nothing, and prints {"device": {...}}, a device file (net/devices) of
// the GPU at hand, or {"error": text}.

#include <chrono>
#include <iostream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/program.h"
#include "net/cuda/execution_plan.h"
#include "net/cuda/present_gpu.h"
#include "net/cuda/tensor_graph_json.h"

namespace resnext::net::cuda {
namespace {

class Planner {
 public:
  explicit Planner(const nlohmann::json& request)
      : device_(describe_device(request.at("device").dump())) {
    request.at("deterministic").get_to(policy_.deterministic);
    request.at("tensor_core_fp32").get_to(policy_.tensor_core_fp32);
    request.at("workspace_limit").get_to(policy_.workspace_limit);
    threads_ = request.at("threads").get<unsigned>();
  }

  void run() {
    say({{"cudnn", cudnnGetVersion()}});
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < threads_; ++i) threads.emplace_back([this] { plan_lines(); });
    for (std::thread& thread : threads) thread.join();
  }

 private:
  void plan_lines() {
    std::string line;
    while (true) {
      int number = 0;
      {
        const std::lock_guard lock(mutex_);
        if (!std::getline(std::cin, line)) return;
        number = next_++;
      }
      plan(number, line);
    }
  }

  void plan(int number, const std::string& line) {
    say({{"graph", number}, {"started", true}});
    const auto start = std::chrono::steady_clock::now();
    try {
      const TensorGraph graph = tensor_graph_from(nlohmann::json::parse(line));
      const ExecutionPlan plan(graph, {nullptr, &device_}, policy_);
      const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
      say({{"graph", number},
           {"engine", plan.engine()},
           {"workspace", plan.workspace_bytes()},
           {"seconds", taken.count()}});
    } catch (const std::exception& error) {
      say({{"graph", number}, {"error", error.what()}});
    }
  }

  void say(const nlohmann::json& event) {
    const std::lock_guard lock(output_mutex_);
    std::cout << event.dump() << std::endl;  // flushed: a crash must not swallow it
  }

  Descriptor device_;
  PlanPolicy policy_;
  unsigned threads_ = 1;
  std::mutex mutex_;  ///< of the input
  std::mutex output_mutex_;
  int next_ = 0;
};

void plan_input() {
  std::string line;
  std::getline(std::cin, line);
  Planner(nlohmann::json::parse(line)).run();
}

void describe_present_gpu() {
  const std::string file = device_file(present_gpu());
  std::cout << nlohmann::ordered_json{{"device", nlohmann::ordered_json::parse(file)}}.dump()
            << std::endl;
}

int run(const std::vector<std::string>& arguments) {
  const bool describes = arguments == std::vector<std::string>{"--present-gpu"};
  if (!describes && !arguments.empty()) throw cli::UsageError("resnext-info --plan starts this");
  try {
    describes ? describe_present_gpu() : plan_input();
  } catch (const std::exception& error) {
    std::cout << nlohmann::json{{"error", error.what()}}.dump() << std::endl;
    return cli::kFailure;
  }
  return cli::kSuccess;
}

}  // namespace
}  // namespace resnext::net::cuda

int main(int argc, char** argv) {
  return resnext::cli::run_program("resnext-plan-graphs", argc, argv, resnext::net::cuda::run);
}
