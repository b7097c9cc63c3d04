// Speaks as resnext-plan-graphs does (net/cuda/plan_graphs_main.cpp), without cuDNN: first extents
// of a graph's first tensor say what becomes of it.

#include "fake_planner.h"

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string>

#include <nlohmann/json.hpp>

#include "net/cuda/tensor_graph_json.h"

namespace {

void say(const nlohmann::json& event) {
  std::cout << event.dump() << std::endl;
}

void plan(int number, const std::string& line) {
  using namespace resnext::net::cuda;
  say({{"graph", number}, {"started", true}});
  const auto graph = tensor_graph_from(nlohmann::json::parse(line));
  const auto fate = graph.tensors.at(0).dims.at(0);
  if (fate == kCrashes) {
    std::cout << "{\"gra" << std::flush;  // cut off
    std::raise(SIGSEGV);
  }
  if (fate == kEndsEarly) std::exit(3);
  if (fate == kUnsupported) return say({{"graph", number}, {"error", "no engine"}});
  say({{"graph", number}, {"engine", "fake"}, {"workspace", fate}, {"seconds", 0.5}});
}

}  // namespace

int main() {
  std::string line;
  std::getline(std::cin, line);
  const auto head = nlohmann::json::parse(line);
  const std::string name = head.at("device").at("deviceName");
  if (name == "refused") {
    say({{"error", "no such device"}});
    return 1;
  }
  if (name == "silent") {
    std::cerr << "libcudnn.so.9: cannot open shared object file\nmore words\n";
    return 127;
  }
  if (name == "crash") std::raise(SIGSEGV);
  say({{"cudnn", 91900}});
  for (int number = 0; std::getline(std::cin, line); ++number) plan(number, line);
}
