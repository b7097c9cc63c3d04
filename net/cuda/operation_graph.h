#pragma once
// A tensor graph as cuDNN sees it.

#include <vector>

#include "net/cuda/cudnn_descriptor.h"
#include "net/cuda/tensor_graph.h"

namespace resnext::net::cuda {

class OperationGraph {
 public:
  /// `handle`: of the GPU; nullptr where a device description stands in for one. Throws
  /// std::runtime_error where cuDNN refuses the graph.
  OperationGraph(const TensorGraph& graph, cudnnHandle_t handle);

  const Descriptor& descriptor() const { return graph_; }

  /// The number by which a plan knows tensor `index` of the graph.
  static std::int64_t unique_id(int index) { return index + 1; }

 private:
  void add_tensor(const TensorDescription& tensor, int index);
  void add_operation(const OperationDescription& operation);
  void add_convolution(const OperationDescription& operation);
  void add_pointwise(const OperationDescription& operation);
  void add_batch_norm_forward(const OperationDescription& operation);
  void add_batch_norm_backward(const OperationDescription& operation);
  void add_max_pool(const OperationDescription& operation);
  void add_matrix_product(const OperationDescription& operation);
  const Descriptor& tensor(const OperationDescription& operation, std::size_t role) const;
  Descriptor& keep(Descriptor descriptor);

  std::vector<Descriptor> tensors_;
  std::vector<Descriptor> parts_;  ///< what operations refer to
  std::vector<Descriptor> operations_;
  Descriptor graph_;
};

}  // namespace resnext::net::cuda
