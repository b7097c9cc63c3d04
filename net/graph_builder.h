#pragma once
// Appends nodes to a graph one by one, with their shapes, parameters and statistics.

#include <string>
#include <string_view>
#include <vector>

#include "net/graph.h"

namespace resnext::net {

/// Every function that adds a node returns its index. Names are unique; parameters are called
/// NODE.weight, NODE.bias, as in torchvision.
class GraphBuilder {
 public:
  GraphBuilder(const Spec& spec, Shape input, int classes, const GraphOptions& options);

  const Graph& graph() const { return graph_; }
  const Shape& shape_of(int node) const { return graph_.nodes[std::size_t(node)].output; }

  /// The paper's stage of the nodes that follow.
  void begin_stage(std::string stage) { stage_ = std::move(stage); }

  int input();
  int convolution(const std::string& name, int input, int channels, Window window, int groups = 1);
  /// `gamma`: kOne, or kZero for the last of a block (GraphOptions::zero_last_gamma).
  int batch_norm(const std::string& name, int input, Initialisation gamma = Initialisation::kOne);
  int relu(const std::string& name, int input);
  int sum(const std::string& name, int first, int second);
  int concatenation(const std::string& name, std::vector<int> inputs);
  /// Shortcut type A to `shape`: subsampling, and zeros for the channels that the input lacks.
  int zero_padding(const std::string& name, int input, int channels, int stride);
  int max_pool(const std::string& name, int input, Window window);
  int global_average_pool(const std::string& name, int input);
  int linear(const std::string& name, int input, int classes);
  void loss(const std::string& name, int logits);

  /// The whole graph, its parameters in backward order.
  Graph finish();

 private:
  int add(Op op, std::string name, std::vector<int> inputs, Window window = {}, int groups = 1,
          int channels = 0);
  void parameter(int node, std::string_view role, std::vector<std::int64_t> shape,
                 Initialisation initialisation);
  void statistic(int node, std::string_view role, int channels, float initial);

  Graph graph_;
  std::string stage_ = "input";
};

}  // namespace resnext::net
