#pragma once
// What the CPU engine compiles a graph into: layers that know their buffers and kernels. A program
// is compiled in two sweeps (forward, then backward), so that the memory plan sees every lifetime
// before the first buffer gets its place. Activations and their gradients are held channels last
// (N, H, W, C).

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "net/cpu/bfloat16.h"
#include "net/cpu/kernels/kernel_table.h"
#include "net/cpu/profile.h"
#include "net/cpu/step_clock.h"
#include "net/engine.h"
#include "net/graph.h"
#include "net/memory_plan.h"

namespace resnext::net::cpu {

class BatchNorm;
class GradientSink;
class Recomputed;
class WeightStore;

/// A node's output: the buffer it is planned into, and the batch-norm and ReLU that readers still
/// have to apply (see Operand).
struct Value {
  int owner = -1;  ///< the node whose output is in the buffer
  BufferId buffer = -1;
  Precision precision = Precision::kFp32;
  const BatchNorm* pending = nullptr;
  bool relu = false;
};

/// The gradient of a convolution's output, left to be taken through its batch-norm by whoever reads
/// it: `gradient` is that of the batch-norm's output.
struct PendingGradient {
  const BatchNorm* norm = nullptr;
  BufferId gradient = -1;
};

/// What a layer sees while a program is compiled.
struct Builder {
  const Graph& graph;
  const KernelSet& kernels;
  WeightStore& weights;
  int batch_size = 0;
  bool training = false;
  int threads = 1;
  Precision precision = Precision::kFp32;  ///< of activations and their gradients
  int time = 0;  ///< position of the current layer in the program, for buffer lifetimes
  MemoryPlan plan{};
  std::size_t workspace_bytes = 0;                   ///< scratch memory of one thread
  std::vector<Value> values{};                       ///< by node
  std::vector<std::vector<BufferId>> gradients{};    ///< by node: parts whose sum is its gradient
  std::vector<PendingGradient> pending_gradients{};  ///< by node
  std::vector<BatchNorm*> moments{};      ///< by node: what its producer takes the moments for
  std::vector<GradientSink*> sinks{};     ///< by node: who can take its gradient as it is computed
  std::vector<Recomputed*> recomputed{};  ///< by node: who computes it again, if it is not kept
  std::vector<BufferId> kept{};           ///< by node: its output in the backward pass, once used
  std::vector<Recomputed*> due{};         ///< before the backward pass of the present layer
  std::vector<int> consumers{};           ///< by node: inputs of other nodes that it is
  std::vector<int> contributions{};       ///< by node: consumers whose gradients are planned
  std::vector<BufferId> gradients_to_be_read{};  ///< as pending ones; not to be overwritten

  std::size_t bytes_of_value() const { return bytes_of(precision); }
  /// Of a node's output for the whole batch.
  std::size_t values_of(int node) const {
    return graph.nodes[node].output.count() * static_cast<std::size_t>(batch_size);
  }
  int pixels_of(int node) const {
    const Shape& shape = graph.nodes[node].output;
    return batch_size * shape.height * shape.width;
  }
  BufferId add_buffer(std::size_t bytes) { return plan.add(bytes + kBufferSlack, time); }
  /// For a node's output or its gradient.
  BufferId add_activation(int node) { return add_buffer(values_of(node) * bytes_of_value()); }
  void use(BufferId buffer) { plan.use(buffer, time); }
  /// Marks a node's value as read now and returns it.
  const Value& read(int node) {
    use(values[node].buffer);
    return values[node];
  }
  /// Marks a node's output as read now, in the backward pass; where it is not kept, plans to
  /// compute it again. Returns where it is.
  BufferId read_again(int node);
  /// Adds a part of a node's gradient.
  void add_gradient(int node, BufferId buffer) {
    gradients[node].push_back(buffer);
    ++contributions[node];
  }
  bool to_be_read(BufferId gradient) const {
    return std::ranges::find(gradients_to_be_read, gradient) != gradients_to_be_read.end();
  }
  void need_workspace(std::size_t bytes) { workspace_bytes = std::max(workspace_bytes, bytes); }

  /// Kernels read whole vectors.
  static constexpr std::size_t kBufferSlack = 64;
};

/// Addresses of the planned buffers, once the program's memory exists.
struct Placement {
  const Builder& builder;
  std::byte* base = nullptr;
  std::byte* workspaces = nullptr;

  std::byte* address(BufferId buffer) const {
    return buffer < 0 ? nullptr : base + builder.plan.offset(buffer);
  }
  float* floats(BufferId buffer) const { return reinterpret_cast<float*>(address(buffer)); }
  std::byte* workspace(int thread) const {
    return workspaces + static_cast<std::size_t>(thread) * builder.workspace_bytes;
  }
};

/// What a layer sees while a program runs.
struct Run {
  const Batch& batch;
  float loss_scale = 0.0F;
  std::span<const float> parameters;
  std::span<float> gradients{};               ///< training
  std::span<float> moving_statistics{};       ///< training; empty: leave them alone
  std::span<const float> fixed_statistics{};  ///< inference
  StepClock* clock = nullptr;                 ///< null: nobody asks how long passes take
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
  virtual void bind(const Placement& placement) = 0;

  virtual void forward(Run& run) = 0;
  virtual void backward(Run& run) = 0;

  /// The passes that are timed, without their seconds. Pass 0 is the forward one.
  virtual std::vector<PassProfile> passes() const { return {}; }

  /// Indices into Graph::parameters whose gradients are final after backward().
  virtual std::vector<int> parameters() const { return {}; }
};

}  // namespace resnext::net::cpu
