#include "net/cpu/profile.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "net/cpu/kernels/kernel_set.h"
#include "net/cpu/program.h"
#include "net/cpu/step_clock.h"
#include "net/cpu/thread_team.h"
#include "net/initialise.h"

namespace resnext::net {
namespace {

struct RandomBatch {
  RandomBatch(const Graph& graph, int images)
      : pixels(images * graph.input.count()), labels(images) {
    std::mt19937 random(1);
    for (float& pixel : pixels) pixel = float(random() % 1000) / 500.0F - 1.0F;
    for (std::int32_t& label : labels) label = std::int32_t(random() % graph.classes);
    batch.size = images;
    batch.labels = labels;
    batch.normalised = pixels;
  }
  std::vector<float> pixels;
  std::vector<std::int32_t> labels;
  Batch batch;
};

}  // namespace

StepProfile profile_cpu_engine(const Graph& graph, const ProfileRequest& request) {
  std::vector<float> parameters(graph.parameter_count);
  initialise_parameters(graph, 1, parameters);
  cpu::WeightStore weights(graph, request.threads);
  weights.set_arena(parameters);
  cpu::Program program(graph, cpu::kernel_set(), weights, {},
                       {request.batch, true, request.threads, request.precision});
  weights.refresh();
  const RandomBatch random(graph, request.batch);
  std::vector<float> gradients(graph.parameter_count);
  StepProfile best{program.passes(), std::numeric_limits<double>::max()};
  for (PassProfile& pass : best.passes) pass.seconds = std::numeric_limits<double>::max();
  for (int step = 0; step <= request.steps; ++step) {
    cpu::StepClock clock(request.threads);
    cpu::Run run{random.batch, 1.0F / float(request.batch), weights.arena()};
    run.gradients = gradients;
    run.clock = &clock;
    const double start = clock.now();
    program.forward(run);
    program.backward(run, {});
    const double seconds = clock.now() - start;
    if (step == 0) continue;  // touches the memory
    best.seconds = std::min(best.seconds, seconds);
    const std::vector<double> passes = program.seconds(clock);
    for (std::size_t i = 0; i < passes.size(); ++i) {
      best.passes[i].seconds = std::min(best.passes[i].seconds, passes[i]);
    }
  }
  return best;
}

namespace {

// Threads that start out on one core take a while to part: the best of many tries counts.
constexpr int kPeakTries = 25;
constexpr int kTriadTries = 5;

double measure_peak(int threads) {
  const cpu::KernelSet& kernels = cpu::kernel_set();
  constexpr long kRounds = 20'000'000;
  double best = 0;
  for (int i = 0; i < kPeakTries; ++i) {
    const cpu::StepClock clock(threads);
    std::vector<double> done(threads);
    const double start = clock.now();
    cpu::on_each_thread(threads, [&](int thread) {
      float result[3] = {0.999F, 0.001F, 0.0F};
      done[thread] = kernels.multiply_adds(kRounds, result);
    });
    const double seconds = clock.now() - start;
    best = std::max(best, std::accumulate(done.begin(), done.end(), 0.0) / seconds);
  }
  return best * 1e-9;
}

double measure_triad(int threads) {
  constexpr int kValues = 1 << 26;
  std::vector<float> a(kValues, 1.0F), b(kValues, 2.0F), sum(kValues);
  double best = 0;
  for (int i = 0; i < kTriadTries; ++i) {
    const cpu::StepClock clock(threads);
    const double start = clock.now();
    cpu::on_each_thread(threads, [&](int thread) {
      const cpu::Share share = cpu::share_of(kValues, thread, threads);
      for (int k = share.first; k < share.end; ++k) sum[k] = a[k] + 3.0F * b[k];
    });
    best = std::max(best, 3.0 * sizeof(float) * kValues / (clock.now() - start));
  }
  return best * 1e-9;
}

}  // namespace

MachineLimits measure_machine(int threads) {
  return {measure_peak(threads), measure_triad(threads)};
}

}  // namespace resnext::net
