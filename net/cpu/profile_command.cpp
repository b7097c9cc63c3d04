#include "net/cpu/profile_command.h"

#include <algorithm>
#include <iostream>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/program.h"
#include "net/complexity.h"
#include "net/cpu/profile.h"
#include "net/engine.h"
#include "net/planning/precision_name.h"

namespace resnext::net {
namespace {
namespace po = boost::program_options;

constexpr int kMostThreads = 1024, kMostImages = 4096, kMostSteps = 1000;

int count_of(const po::variables_map& values, const char* name, int usual, int most) {
  const int count = values.contains(name) ? values[name].as<int>() : usual;
  if (count < 1 || count > most) {
    throw cli::UsageError(fmt::format("--{} must be 1 to {}, not {}", name, most, count));
  }
  return count;
}

ProfileRequest request_of(const po::variables_map& values) {
  const std::string& engine = values["engine"].as<std::string>();
  if (engine != "cpu") {
    throw cli::UsageError(fmt::format("--engine: only 'cpu' can be timed here, not '{}'", engine));
  }
  const int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  ProfileRequest request;
  request.batch = count_of(values, "batch-per-replica", 16, kMostImages);
  request.threads = count_of(values, "threads", cores, kMostThreads);
  request.steps = count_of(values, "steps", 3, kMostSteps);
  if (values.contains("precision")) {
    try {
      request.precision = parse_precision(values["precision"].as<std::string>());
    } catch (const std::invalid_argument& error) {
      throw cli::UsageError(fmt::format("--precision: {}", error.what()));
    }
  }
  if (request.precision == Precision::kTf32) {
    throw cli::UsageError("--precision: tf32 needs a GPU; CPUs have fp32 and bf16");
  }
  return request;
}

double images_per_second(const ProfileRequest& request, const StepProfile& profile) {
  return request.batch / profile.seconds;
}

/// Model FLOPs utilisation: three forward passes' operations a training step, of the peak.
double utilisation(const Graph& graph, const ProfileRequest& request, const StepProfile& profile,
                   const MachineLimits& limits) {
  const double image = 3.0 * 2.0 * double(graph_complexity(graph).multiply_adds);
  return image * images_per_second(request, profile) / (limits.peak_gflops * 1e9);
}

void print_text(const Graph& graph, const ProfileRequest& request, const StepProfile& profile,
                const MachineLimits& limits) {
  std::cout << fmt::format("{}: {} images of {}x{}x{}, {}, {} threads, {}\n", graph.spec.name,
                           request.batch, graph.input.height, graph.input.width,
                           graph.input.channels, precision_name(request.precision), request.threads,
                           cpu_engine_version());
  std::cout << fmt::format("limits: {:.1f} GFLOP/s, {:.1f} GB/s\n\n", limits.peak_gflops,
                           limits.memory_gbps);
  std::cout << fmt::format("{:<26} {:<17} {:>9} {:>9} {:>6} {:>7}  {}\n", "layer", "pass", "ms",
                           "GFLOP/s", "peak", "GB/s", "implementation (activations nhwc)");
  double timed = 0;
  for (const PassProfile& pass : profile.passes) {
    timed += pass.seconds;
    const double gflops = pass.flops * 1e-9 / pass.seconds;
    std::cout << fmt::format(
        "{:<26} {:<17} {:>9.2f} {:>9} {:>6} {:>7.1f}  {}\n", pass.layer, pass.pass,
        pass.seconds * 1e3, pass.flops > 0 ? fmt::format("{:.1f}", gflops) : "",
        pass.flops > 0 ? fmt::format("{:.0f}%", 100 * gflops / limits.peak_gflops) : "",
        pass.bytes * 1e-9 / pass.seconds, pass.implementation);
  }
  std::cout << fmt::format("{:<26} {:<17} {:>9.2f}\n", "other", "",
                           (profile.seconds - timed) * 1e3);
  std::cout << fmt::format(
      "{:<26} {:<17} {:>9.2f} {:>9.1f} {:>5.0f}%\n\n{:.2f} images/s without the update; {:.1f}% of "
      "the peak (three forward passes' operations a step)\n",
      "step", "", profile.seconds * 1e3,
      utilisation(graph, request, profile, limits) * limits.peak_gflops,
      100 * utilisation(graph, request, profile, limits), images_per_second(request, profile),
      100 * utilisation(graph, request, profile, limits));
}

void print_json(const Graph& graph, const ProfileRequest& request, const StepProfile& profile,
                const MachineLimits& limits) {
  nlohmann::ordered_json layers = nlohmann::ordered_json::array();
  for (const PassProfile& pass : profile.passes) {
    layers.push_back({{"name", pass.layer},
                      {"pass", pass.pass},
                      {"implementation", pass.implementation},
                      {"layout", pass.layout},
                      {"gflop", pass.flops * 1e-9},
                      {"bytes", pass.bytes},
                      {"seconds", pass.seconds}});
  }
  const nlohmann::ordered_json all = {{"model", graph.spec.name},
                                      {"engine", cpu_engine_version()},
                                      {"precision", precision_name(request.precision)},
                                      {"batch", request.batch},
                                      {"threads", request.threads},
                                      {"peak_gflops", limits.peak_gflops},
                                      {"memory_gbps", limits.memory_gbps},
                                      {"seconds", profile.seconds},
                                      {"images_per_second", images_per_second(request, profile)},
                                      {"mfu", utilisation(graph, request, profile, limits)},
                                      {"layers", layers}};
  std::cout << all.dump(2) << '\n';
}

}  // namespace

void add_profile_options(po::options_description& options) {
  options.add_options()(
      "engine", po::value<std::string>()->value_name("cpu"),
      "time training steps of --batch-per-replica images on this machine, layer by layer: "
      "implementation, GFLOP/s, share of the peak")("threads", po::value<int>()->value_name("N"),
                                                    "with --engine: threads [all cores]")(
      "steps", po::value<int>()->value_name("N"), "with --engine: steps, of which the best [3]");
}

void refuse_profile_options(const po::variables_map& values) {
  for (const char* name : {"threads", "steps"}) {
    if (values.contains(name)) {
      throw cli::UsageError(fmt::format("--{} goes with a MODEL and --engine cpu", name));
    }
  }
}

int run_profile_command(const po::variables_map& values, const Graph& graph) {
  const ProfileRequest request = request_of(values);
  const MachineLimits limits = measure_machine(request.threads);
  const StepProfile profile = profile_cpu_engine(graph, request);
  (values.contains("json") ? print_json : print_text)(graph, request, profile, limits);
  return cli::kSuccess;
}

}  // namespace resnext::net
