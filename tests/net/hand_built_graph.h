#pragma once
// Small graphs built node by node, for shapes and combinations that no ResNe(X)t has.

#include <string>
#include <vector>

#include "net/graph.h"

namespace resnext::net {

/// Every function appends a node and returns its index; `graph()` puts the parameters in backward
/// order and checks nothing: tests may build what build_graph() never would.
class HandBuiltGraph {
 public:
  explicit HandBuiltGraph(Shape input);

  int input() const { return 0; }
  int convolution(int input, int channels, Window window, int groups = 1);
  int batch_norm(int input);
  int relu(int input);
  int add(int first, int second);
  int concatenation(std::vector<int> inputs);
  int zero_padding(int input, int channels, int stride);
  int max_pool(int input, Window window);
  int global_average_pool(int input, int window = 0);
  /// Reads all of (C, H, W), so that gradients differ from pixel to pixel.
  int linear(int input, int classes);
  /// Softmax cross-entropy of `logits`, which becomes an output.
  int loss(int logits, float label_smoothing = 0.0F);

  Shape shape(int node) const { return graph_.nodes[node].output; }
  Graph graph() const;

 private:
  int append(Op op, std::vector<int> inputs, Shape output, Window window = {}, int groups = 1);
  void parameter(int node, const char* role, std::vector<std::int64_t> shape,
                 Initialisation initialisation);
  void statistic(int node, const char* role, float initial);

  Graph graph_;
};

/// A graph with a name, for parameterised tests.
struct NamedGraph {
  std::string name;
  Graph graph;
};

/// Every op alone and in the combinations that the engine treats specially.
std::vector<NamedGraph> operator_graphs();

/// A random graph of all ops; the same for the same seed.
Graph random_graph(unsigned seed);

}  // namespace resnext::net
