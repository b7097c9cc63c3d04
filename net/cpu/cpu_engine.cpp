// The CPU implementation of the Engine seam: programs by batch size over one store of weights.

#include <algorithm>
#include <list>
#include <map>
#include <stdexcept>

#include <fmt/format.h>

#include "net/batch_check.h"
#include "net/cpu/kernels/kernel_set.h"
#include "net/cpu/program.h"
#include "net/cpu/weight_store.h"
#include "net/engine.h"
#include "net/shape_inference.h"

namespace resnext::net {
namespace cpu {
namespace {

/// Photographs come in a few common shapes; each program holds activations of a whole network.
constexpr std::size_t kMaxResizedPrograms = 8;

class CpuEngine final : public Engine {
 public:
  CpuEngine(const Graph& graph, const Normalisation& normalisation, int threads,
            Precision precision)
      : graph_(graph),
        normalisation_(normalisation),
        threads_(threads),
        precision_(precision),
        kernels_(kernel_set()),
        weights_(graph_, threads) {
    if (threads < 1) throw std::invalid_argument("an engine needs at least one thread");
  }

  void compile_training(int batch_size) override { program(batch_size, true); }
  void compile_inference(int batch_size) override { program(batch_size, false); }

  void set_parameters(std::span<const float> arena) override {
    if (arena.size() != graph_.parameter_count) {
      throw std::invalid_argument(fmt::format("{} has {} parameters, not {}", graph_.spec.name,
                                              graph_.parameter_count, arena.size()));
    }
    weights_.set_arena(arena);
  }

  BatchMetrics train(const Batch& batch, float loss_scale, std::span<float> gradients,
                     std::span<float> statistics, const GradientReady& on_ready) override {
    Program& compiled = prepare(batch, true);
    Run run{batch, loss_scale, weights_.arena()};
    run.gradients = gradients;
    run.moving_statistics = statistics;
    compiled.forward(run);
    compiled.backward(run, on_ready);
    return run.metrics;
  }

  BatchMetrics evaluate(const Batch& batch, std::span<const float> statistics,
                        std::span<float> logits) override {
    Program& compiled = prepare(batch, false);
    Run run{batch, 0.0F, weights_.arena()};
    run.fixed_statistics = statistics;
    compiled.forward(run);
    if (!logits.empty()) {
      const std::vector<float> values = compiled.output(0);
      if (logits.size() != values.size()) {
        throw std::invalid_argument(fmt::format("a batch of {} images has {} logits, not {}",
                                                batch.size, values.size(), logits.size()));
      }
      std::copy(values.begin(), values.end(), logits.begin());
    }
    return run.metrics;
  }

  std::size_t memory_bytes() const override {
    std::size_t bytes = weights_.memory_bytes();
    for (const auto& [key, compiled] : programs_) bytes += compiled->memory_bytes();
    for (const ResizedProgram& entry : resized_) bytes += entry.program->memory_bytes();
    return bytes;
  }

 private:
  ProgramOptions options(int batch_size, bool training) const {
    return {batch_size, training, threads_, precision_};
  }

  Program& program(int batch_size, bool training) {
    auto& entry = programs_[{batch_size, training}];
    if (!entry) {
      entry = std::make_unique<Program>(graph_, kernels_, weights_, normalisation_,
                                        options(batch_size, training));
    }
    return *entry;
  }

  /// The inference program for images of another size; the one used longest ago makes room.
  Program& resized_program(const Batch& batch) {
    const auto found = std::ranges::find_if(resized_, [&](const ResizedProgram& entry) {
      const Shape& input = entry.graph->input;
      return entry.batch_size == batch.size && input.height == batch.height &&
             input.width == batch.width;
    });
    if (found != resized_.end()) {
      resized_.splice(resized_.begin(), resized_, found);
      return *resized_.front().program;
    }
    if (resized_.size() >= kMaxResizedPrograms) resized_.pop_back();
    auto graph = std::make_unique<Graph>(with_input_size(graph_, batch.height, batch.width));
    auto compiled = std::make_unique<Program>(*graph, kernels_, weights_, normalisation_,
                                              options(batch.size, false));
    resized_.push_front({batch.size, std::move(graph), std::move(compiled)});
    return *resized_.front().program;
  }

  Program& prepare(const Batch& batch, bool training) {
    if (weights_.arena().empty() && graph_.parameter_count > 0) {
      throw std::logic_error("an engine needs parameters (set_parameters) before its first pass");
    }
    check_batch(graph_, batch, training);
    Program& compiled =
        has_own_size(graph_, batch) ? program(batch.size, training) : resized_program(batch);
    if (!training) weights_.refresh();
    return compiled;
  }

  struct ResizedProgram {
    int batch_size = 0;
    std::unique_ptr<Graph> graph;  ///< the program refers to it
    std::unique_ptr<Program> program;
  };

  const Graph graph_;
  const Normalisation normalisation_;
  const int threads_;
  const Precision precision_;
  const KernelSet& kernels_;
  WeightStore weights_;
  std::map<std::pair<int, bool>, std::unique_ptr<Program>> programs_;
  std::list<ResizedProgram> resized_;  ///< the last used first
};

}  // namespace
}  // namespace cpu

std::string cpu_engine_version() {
  return fmt::format("{} kernels", cpu::kernel_set().name);
}

std::unique_ptr<Engine> make_cpu_engine(const Graph& graph, const Normalisation& normalisation,
                                        int threads, Precision precision) {
  return std::make_unique<cpu::CpuEngine>(graph, normalisation, threads, precision);
}

}  // namespace resnext::net
