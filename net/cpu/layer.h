#pragma once
// What the CPU engine compiles a graph into: layers that know their buffers and primitives. A
// program is compiled in two sweeps (forward, then backward), so that the memory plan sees every
// lifetime before the first buffer gets its place.

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include <dnnl.hpp>

#include "net/engine.h"
#include "net/graph.h"
#include "net/memory_plan.h"

namespace resnext::net::cpu {

class WeightStore;

/// A node's output: its layout and the buffer it is planned into.
struct Value {
  dnnl::memory::desc descriptor;
  BufferId buffer = -1;
};

/// What a layer sees while a program is compiled.
struct Builder {
  const Graph& graph;
  const dnnl::engine& engine;
  WeightStore& weights;
  int batch_size = 0;
  bool training = false;
  int time = 0;  ///< position of the current layer in the program, for buffer lifetimes
  MemoryPlan plan{};
  std::vector<Value> values{};                     ///< by node
  std::vector<std::vector<BufferId>> gradients{};  ///< by node: parts whose sum is its gradient

  dnnl::memory::dims dims(int node) const {
    const Shape& shape = graph.nodes[node].output;
    return {batch_size, shape.channels, shape.height, shape.width};
  }
  BufferId add_buffer(std::size_t bytes) { return plan.add(bytes, time); }
  BufferId add_buffer(const dnnl::memory::desc& descriptor) {
    return plan.add(descriptor.get_size(), time);
  }
  void use(BufferId buffer) { plan.use(buffer, time); }
  /// Marks a node's value as read now and returns it.
  const Value& read(int node) {
    use(values[node].buffer);
    return values[node];
  }
};

/// Addresses of the planned buffers, once the program's memory exists.
struct Placement {
  const MemoryPlan& plan;
  std::byte* base = nullptr;

  float* floats(BufferId buffer) const {
    return reinterpret_cast<float*>(base + plan.offset(buffer));
  }
  dnnl::memory memory(const dnnl::memory::desc& descriptor, const dnnl::engine& engine,
                      BufferId buffer) const {
    return {descriptor, engine, base + plan.offset(buffer)};
  }
};

/// What a layer sees while a program runs.
struct Run {
  dnnl::stream& stream;
  const Batch& batch;
  float loss_scale = 0.0F;
  std::span<const float> parameters;
  std::span<float> gradients{};               ///< training
  std::span<float> moving_statistics{};       ///< training; empty: leave them alone
  std::span<const float> fixed_statistics{};  ///< inference
  std::span<float> logits{};                  ///< inference; may be empty
  BatchMetrics metrics{};
};

/// One compiled layer; may stand for several nodes of the graph.
class Layer {
 public:
  Layer() = default;
  Layer(const Layer&) = delete;
  Layer& operator=(const Layer&) = delete;
  virtual ~Layer() = default;

  /// Plans the backward pass. Called from last layer to first; builder.gradients of this layer's
  /// output is complete by then, and the layer adds parts for its inputs.
  virtual void plan_backward(Builder& builder) = 0;

  /// Gives the layer its memory.
  virtual void bind(const Placement& placement, const dnnl::engine& engine) = 0;

  virtual void forward(Run& run) = 0;
  virtual void backward(Run& run) = 0;

  /// Indices into Graph::parameters whose gradients are final after backward().
  virtual std::vector<int> parameters() const { return {}; }
};

}  // namespace resnext::net::cpu
