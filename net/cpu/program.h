#pragma once
// A graph compiled for one batch size and one purpose: layers in order, with all memory planned.

#include <cstdlib>
#include <memory>
#include <vector>

#include "net/cpu/layer.h"
#include "net/cpu/weight_store.h"

namespace resnext::net::cpu {

struct ProgramOptions {
  int batch_size = 0;
  bool training = false;
  int threads = 1;
  Precision precision = Precision::kFp32;  ///< of activations and their gradients
};

class Program {
 public:
  /// Compiles `graph`. `weights` and `graph` must outlive the program. Throws std::runtime_error
  /// when the planned memory cannot be had.
  Program(const Graph& graph, const KernelSet& kernels, WeightStore& weights,
          const Normalisation& normalisation, const ProgramOptions& options);

  void forward(Run& run);
  /// Calls `on_ready` each time a longer prefix of the gradient arena is final.
  void backward(Run& run, const GradientReady& on_ready);

  /// The value of graph output `index` after forward(), row-major (N, C, H, W).
  std::vector<float> output(std::size_t index) const;

  std::size_t memory_bytes() const { return memory_bytes_; }

  /// All layers' timed passes, in the order in which they run, and what a clock says of them.
  std::vector<PassProfile> passes() const;
  std::vector<double> seconds(const StepClock& clock) const;

 private:
  void plan_ready_prefixes(const Graph& graph);
  void allocate(Builder& builder);
  template <typename Body>
  void for_each_pass(const Body& body) const;

  struct Output {
    Shape shape;
    int images = 0;
    StoredValues values;
  };

  struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
  };

  std::vector<std::unique_ptr<Layer>> layers_;
  std::vector<std::vector<Recomputed*>> recomputed_before_;  ///< by layer: its backward()
  std::vector<std::size_t> ready_after_;  ///< by layer: arena values final after its backward()
  std::vector<Output> outputs_;
  std::size_t memory_bytes_ = 0;
  std::unique_ptr<std::byte, Free> memory_;
};

}  // namespace resnext::net::cpu
