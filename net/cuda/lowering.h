#pragma once
// What lowering a graph to a device program needs of its parts: one function a kind of layer
// appends its forward steps, and another its backward steps.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "net/cuda/device_program.h"
#include "net/cuda/weight_layout.h"
#include "net/memory_plan.h"
#include "net/norm_residual_patterns.h"

namespace resnext::net::cuda {

class Lowering {
 public:
  Lowering(const Graph& graph, int batch_size, DataType type, bool training);

  const Graph& graph;
  const int batch_size;
  const DataType type;
  const bool training;
  const WeightLayout weights;
  const StatisticLayout statistics;
  DeviceProgram program;

  const Node& node(int index) const { return graph.nodes[std::size_t(index)]; }
  int padded(int node) const { return padded_channels(this->node(node).output.channels); }
  /// (N, padded C, H, W) of a node's value.
  Dims dims(int node) const;
  std::size_t pixels(int node) const;  ///< N x H x W
  std::size_t values(int node) const;  ///< N x H x W x padded C

  /// New planned memory, alive from the present step on.
  Location allocate(std::size_t bytes);
  Location allocate_value(int node) { return allocate(bytes_of(type, values(node))); }
  /// Marks memory as used by the present step.
  Location use(Location location);

  void set_value(int node, Location at, DataType value_type);
  void set_value(int node, Location at) { set_value(node, at, type); }
  Activation value(int node);  ///< marked as used

  /// Whether a gradient of the node's value leads to any parameter.
  bool needs_gradient(int node) const { return needs_gradient_[std::size_t(node)]; }
  void add_gradient(int node, Location part);
  /// The gradient of a node's value: its parts summed. Whoever writes to it again must not: other
  /// nodes may hold it as theirs. Throws std::logic_error when nothing reads the node.
  Location gradient(int node);

  /// Working parameter or running statistic of a node.
  Location weight(const Node& node, int role) const;
  Location statistic(const Node& node, int role, Region region) const;
  const WorkingParameter& working(const Node& node, int role) const;
  /// Memory for a working gradient; exported once complete.
  Location allocate_weight_gradient(const Node& node, int role);

  /// Appends a step, which ends the present one.
  template <typename Work>
  void append(std::string name, Work work) {
    program.steps.push_back({std::move(name), std::move(work)});
    ++time_;
  }
  void append_plan(std::string name, TensorGraph tensor_graph, std::vector<Location> tensors);

  /// Saved by a forward pattern for its backward pass.
  struct SavedNorm {
    Location mean, deviation;
  };
  std::map<int, SavedNorm> saved_norms;  ///< by batch-norm node
  std::map<int, Location> masks;         ///< by ReLU node
  std::map<int, Location> pool_indices;  ///< by max pool node
  std::map<int, SoftmaxStep> losses;     ///< by loss node

  void finish();

 private:
  void find_needed_gradients();

  MemoryPlan plan_{kDeviceAlignment};
  int time_ = 0;
  std::vector<std::optional<Activation>> values_;  ///< by node
  std::vector<std::vector<Location>> gradients_;   ///< by node: parts
  std::vector<bool> needs_gradient_;
  std::map<std::string, int> graph_numbers_;  ///< by text
};

void lower_convolution(Lowering& to, int node);
void lower_convolution_backward(Lowering& to, int node);
void lower_norm_residual(Lowering& to, const NormResidualPattern& pattern);
void lower_norm_residual_backward(Lowering& to, const NormResidualPattern& pattern);
void lower_max_pool(Lowering& to, int node);
void lower_max_pool_backward(Lowering& to, int node);
void lower_average_pool(Lowering& to, int node);
void lower_average_pool_backward(Lowering& to, int node);
void lower_concatenation(Lowering& to, int node);
void lower_concatenation_backward(Lowering& to, int node);
void lower_zero_padding(Lowering& to, int node);
void lower_zero_padding_backward(Lowering& to, int node);
void lower_linear(Lowering& to, int node);
void lower_linear_backward(Lowering& to, int node);
void lower_loss(Lowering& to, int node);
void lower_loss_backward(Lowering& to, int node);

}  // namespace resnext::net::cuda
