// machine_peak THREADS: what the processor can do at most, as JSON: GFLOP/s of each instruction set
// from registers, and GB/s of main memory. The best of a few tries each.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/program.h"
#include "scripts/benchmark/peak/fma_chains.h"
#include "scripts/benchmark/peak/side_by_side.h"

namespace resnext::benchmark {
namespace {

constexpr int kTries = 5;
constexpr double kSecondsPerTry = 0.1;
constexpr double kGiga = 1e9;

/// GFLOP/s of all threads together.
double measure_chains(const FmaChains& chains, int threads) {
  std::vector<float> results(threads);  // used, so that the work is not dropped
  const auto seconds = [&](std::int64_t rounds) {
    return seconds_side_by_side(threads, [&](int i) { results[i] = chains.run(rounds); });
  };
  constexpr std::int64_t kProbe = 1'000'000;
  const auto rounds =
      static_cast<std::int64_t>(static_cast<double>(kProbe) * kSecondsPerTry / seconds(kProbe));
  double best = 0;
  for (int i = 0; i < kTries; ++i) {
    const double flop = chains.flop_per_round * static_cast<double>(rounds) * threads;
    best = std::max(best, flop / seconds(rounds) / kGiga);
  }
  return best;
}

/// STREAM's triad, a = b + s * c, over arrays far larger than the caches. Counts what it reads and
/// writes, not the reading of `a` that a cache does before it writes: 12 bytes an element.
double measure_triad(int threads) {
  constexpr std::size_t kValues = 1 << 24;  // of each array and thread: 64 MiB
  struct Arrays {
    std::vector<float> a, b, c;
  };
  std::vector<Arrays> all(threads);
  seconds_side_by_side(threads, [&](int i) {
    all[i] = {std::vector<float>(kValues), std::vector<float>(kValues, 1.0F),
              std::vector<float>(kValues, 2.0F)};
  });
  double best = 0;
  for (int attempt = 0; attempt < kTries; ++attempt) {
    const double seconds = seconds_side_by_side(threads, [&](int i) {
      float* const a = all[i].a.data();
      const float *const b = all[i].b.data(), *const c = all[i].c.data();
      for (std::size_t k = 0; k < kValues; ++k) a[k] = b[k] + 3.0F * c[k];
    });
    const double bytes = 3.0 * sizeof(float) * kValues * threads;
    best = std::max(best, bytes / seconds / kGiga);
  }
  return best;
}

int run(const std::vector<std::string>& arguments) {
  const int threads = arguments.size() == 1 ? std::atoi(arguments[0].c_str()) : 0;
  if (threads < 1) throw cli::UsageError("give the number of threads: machine_peak THREADS");
  nlohmann::json report = {
      {"threads", threads}, {"fp32", nlohmann::json::object()}, {"bf16", nlohmann::json::object()}};
  for (const FmaChains& chains : available_chains()) {
    report[chains.precision][chains.instruction_set] = measure_chains(chains, threads);
  }
  report["triad_gbps"] = measure_triad(threads);
  fmt::print("{}\n", report.dump());
  return cli::kSuccess;
}

}  // namespace
}  // namespace resnext::benchmark

int main(int argc, char** argv) {
  return resnext::cli::run_program("machine_peak", argc, argv, resnext::benchmark::run);
}
