#pragma once
// A graph compiled for one batch size and one purpose: layers in order, with all memory planned.

#include <cstdlib>
#include <memory>
#include <vector>

#include "net/cpu/layer.h"
#include "net/cpu/reordering.h"
#include "net/cpu/weight_store.h"

namespace resnext::net::cpu {

class Program {
 public:
  /// Compiles `graph`. `weights` and `graph` must outlive the program. Throws std::runtime_error
  /// when the planned memory cannot be had.
  Program(const Graph& graph, const dnnl::engine& engine, WeightStore& weights,
          const Normalisation& normalisation, int batch_size, bool training);

  void forward(Run& run);
  /// Calls `on_ready` each time a longer prefix of the gradient arena is final.
  void backward(Run& run, const GradientReady& on_ready);

  /// The value of graph output `index` after forward(), row-major.
  std::span<const float> output(std::size_t index) const;

  std::size_t memory_bytes() const { return memory_bytes_; }

 private:
  void plan_ready_prefixes(const Graph& graph);
  void allocate(const Builder& builder, const dnnl::engine& engine);

  struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
  };

  std::vector<std::unique_ptr<Layer>> layers_;
  std::vector<std::size_t> ready_after_;   ///< by layer: arena values final after its backward()
  std::vector<SourceReordering> outputs_;  ///< to row-major
  std::size_t memory_bytes_ = 0;
  std::unique_ptr<std::byte, Free> memory_;
};

}  // namespace resnext::net::cpu
