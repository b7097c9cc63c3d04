#include "ablations/cost.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "ablations/child_process.h"
#include "ablations/log_file.h"
#include "data/durable_file.h"
#include "data/fnv1a.h"
#include "data/hdf5.h"

namespace resnext::ablations {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr int kMeasuredSteps = 8;
/// Work of a replica in a measured step on a CPU, so that large networks take seconds, not minutes.
constexpr double kMeasuredMultiplyAdds = 2e9;
constexpr std::chrono::seconds kPatience(300);

/// Checkpoints kept, and the one that is being written.
constexpr std::uint64_t kCheckpoints = 3;
/// A step's row of a result file, whose old and new copy exist together for a moment.
constexpr std::uint64_t kBytesPerStep = 2 * 8 * 8;
constexpr std::uint64_t kBytesBeside = 1 << 20;  // logs, attributes, HDF5's own

/// Seconds of a step forward and backward over those of a forward pass.
constexpr double kTrainingOverEvaluation = 3;

std::string cost_path(const Plan& plan, const PlannedRun& run, const Slot& slot, bool on_gpus) {
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  data::Fnv1a hash;
  for (const std::string& part :
       {run.complexity.graph, plan.code, std::string(host), std::string(on_gpus ? "gpus" : "cpus"),
        nlohmann::json(run.recipe).dump(), run.shards.training_identity,
        nlohmann::json(slot.cpus).dump(), nlohmann::json(slot.launch_options).dump()}) {
    hash.add(part);
  }
  return fs::path(plan.folder) / "costs" / fmt::format("{}-{}.json", run.model, hash.hex());
}

int measured_batch(const PlannedRun& run, bool on_gpus) {
  const int whole = run.length.batch_per_replica;
  const double affordable = kMeasuredMultiplyAdds / double(run.complexity.multiply_adds);
  return on_gpus ? whole : std::clamp(static_cast<int>(affordable), 1, whole);
}

/// The run, shortened: a few steps of `batch` images a replica, nothing kept.
std::vector<std::string> measuring_line(const Plan& plan, const PlannedRun& run,
                                        const std::vector<std::string>& launch, int batch,
                                        const std::string& out) {
  Options options = run.options;
  for (const char* name : {"epochs", "steps", "epoch-steps", "warmup-epochs", "checkpoint-every",
                           "keep-checkpoints"}) {
    options.erase(name);
  }
  // A rate at which nothing can diverge; the time is the same.
  options = overlaid(options, {{"steps", std::to_string(kMeasuredSteps)},
                               {"batch-per-replica", std::to_string(batch)},
                               {"validate-every", "0"},
                               {"learning-rate", "0.0001"}});
  std::vector<std::string> line = launch;
  if (!plan.scale.recipe.empty()) line.insert(line.end(), {"--recipe", plan.scale.recipe});
  line.insert(line.end(), {"--model", run.model, "--out", out, "--scale", "measurement"});
  for (const auto& [name, value] : options)
    line.insert(line.end(), {fmt::format("--{}", name), value});
  if (run.shards.training_identity != "unpacked" && !run.shards.training.empty()) {
    line.insert(line.end(), {"--data", run.shards.training});
  }
  return line;
}

int wait_for(ChildProcess& child) {
  const auto deadline = Clock::now() + kPatience;
  while (true) {
    if (const auto code = child.exit_code()) return *code;
    if (Clock::now() > deadline) return 124;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

Rate read_rate(const std::string& path, double wall_seconds) {
  const auto file = data::hdf5::File::open(path);
  auto rates = file.read<double>("/train/images_per_second");
  if (rates.size() < kMeasuredSteps) throw std::runtime_error("it took too few steps");
  // The first steps warm up; the median of the others passes over a busy moment of the machine.
  std::vector<double> later(rates.begin() + kMeasuredSteps / 4, rates.end());
  std::ranges::nth_element(later, later.begin() + static_cast<std::ptrdiff_t>(later.size() / 2));
  Rate rate;
  rate.images_per_second = later[later.size() / 2];
  rate.devices = static_cast<int>(file.integer_attribute("/", "ranks"));
  const auto seconds = file.attribute("/summary", "seconds");
  const double* trained = std::get_if<double>(&seconds);
  rate.start_seconds = trained != nullptr ? std::max(0.0, wall_seconds - *trained) : 0;
  return rate;
}

Rate run_measurement(const Plan& plan, const PlannedRun& run, const Slot& slot,
                     const std::vector<std::string>& launch, int batch, const std::string& stem) {
  const std::string out = stem + ".h5";
  const std::string log = stem + ".log";
  fs::remove(log);
  fs::remove(out);
  const auto start = Clock::now();
  ChildProcess child(measuring_line(plan, run, launch, batch, out),
                     {log, slot.cpus, slot.environment});
  const int code = wait_for(child);
  const std::chrono::duration<double> wall = Clock::now() - start;
  Rate rate;
  if (code != 0) {
    rate.problem = code == 124 ? fmt::format("{} steps took longer than {} s", kMeasuredSteps,
                                             kPatience.count())
                               : last_error_line(tail_of(log));
    return rate;
  }
  try {
    return read_rate(out, wall.count());
  } catch (const std::runtime_error& error) {
    rate.problem = error.what();
    return rate;
  }
}

}  // namespace

Rate measure_rate(const Plan& plan, const PlannedRun& run, const Slot& slot,
                  const std::vector<std::string>& launch, bool on_gpus) {
  const std::string path = cost_path(plan, run, slot, on_gpus);
  if (std::ifstream file(path); file) {
    const auto kept = nlohmann::json::parse(file, nullptr, false);
    if (kept.is_object()) {
      return {kept.at("images_per_second"), kept.at("start_seconds"), kept.at("devices"), ""};
    }
  }
  fs::create_directories(fs::path(path).parent_path());
  const std::string stem = fs::path(path).replace_extension();
  Rate rate = run_measurement(plan, run, slot, launch, measured_batch(run, on_gpus), stem);
  if (rate.problem.empty()) {
    const nlohmann::json kept{{"images_per_second", rate.images_per_second},
                              {"start_seconds", rate.start_seconds},
                              {"devices", rate.devices}};
    data::replace_file(path, kept.dump(2) + "\n");
    fs::remove(stem + ".h5");
    fs::remove(stem + ".log");
  }
  return rate;
}

Rate roofline_rate(const PlannedRun& run, const std::string& gpu_kind, const Programs& programs) {
  Rate rate;
  rate.devices = run.length.replicas;
  const auto precision = run.recipe.find("precision");
  const std::string text =
      capture({programs.info, "--scale", run.model, "--gpu", gpu_kind, "--gpus",
               std::to_string(rate.devices), "--batch-per-replica",
               std::to_string(run.length.batch_per_replica), "--precision",
               precision == run.recipe.end() ? "fp32" : precision->second, "--json"});
  rate.images_per_second = nlohmann::json::parse(text).at("rows").at(0).at("images_per_second");
  return rate;
}

double estimated_seconds(const PlannedRun& run, const Rate& rate) {
  const double images =
      double(run.length.images) + double(run.length.validation_images) / kTrainingOverEvaluation;
  return rate.start_seconds + images / rate.images_per_second;
}

std::uint64_t disk_bytes(const PlannedRun& run) {
  const std::uint64_t weights_and_momentum = 8 * run.complexity.parameters;
  const std::uint64_t results = kBytesPerStep * run.length.steps;
  return kCheckpoints * (weights_and_momentum + results) + results + kBytesBeside;
}

void require_disk(const std::string& folder, std::uint64_t needed) {
  fs::path existing = fs::absolute(folder);
  while (!fs::exists(existing)) existing = existing.parent_path();
  const std::uint64_t available = fs::space(existing).available;
  if (available >= needed) return;
  throw std::runtime_error(fmt::format(
      "the sweep needs up to {} in {}, and its disk has {}: free some, or give --folder on another",
      format_bytes(needed), folder, format_bytes(available)));
}

std::string format_bytes(std::uint64_t bytes) {
  const auto value = double(bytes);
  if (value >= 1e12) return fmt::format("{:.1f} TB", value / 1e12);
  if (value >= 1e9) return fmt::format("{:.1f} GB", value / 1e9);
  return fmt::format("{:.0f} MB", std::ceil(value / 1e6));
}

std::string format_seconds(double seconds) {
  if (seconds >= 3 * 86400) return fmt::format("{:.1f} days", seconds / 86400);
  if (seconds >= 5400) return fmt::format("{:.1f} h", seconds / 3600);
  if (seconds >= 100) return fmt::format("{:.1f} min", seconds / 60);
  return fmt::format("{:.0f} s", seconds);
}

}  // namespace resnext::ablations
