#pragma once
// One execution of a graph on memory of the host. Tensors are computed with as fp32 in the order of
// their dimensions, whatever their strides and type in memory.

#include <map>
#include <span>
#include <vector>

#include "tests/cuda_standin/cudnn_graph.h"

namespace resnext::standin {

using Values = std::vector<float>;

class Execution {
 public:
  /// `pointers`: by the tensors' ids. Values of by-value tensors are read at once.
  Execution(RecordedGraphPtr graph, std::map<std::int64_t, void*> pointers);

  void run();

  /// What is wrong with the pointers; empty: nothing.
  std::string complaint() const;

  Values read(const Tensor& tensor) const;
  float scalar(const Tensor& tensor) const;
  /// Rounds to the tensor's type.
  void write(const Tensor& tensor, std::span<const float> values);

 private:
  RecordedGraphPtr graph_;
  std::map<std::int64_t, void*> pointers_;
  std::map<std::int64_t, float> scalars_;
  std::map<std::int64_t, Values> virtual_;
};

/// Each computes one operation. False: not one of those it knows.
bool compute_convolution(const Operation& operation, Execution& execution);
bool compute_pointwise(const Operation& operation, Execution& execution);
bool compute_batch_norm(const Operation& operation, Execution& execution);
bool compute_pool(const Operation& operation, Execution& execution);
bool compute_matrix_product(const Operation& operation, Execution& execution);

/// Ends the process: what the real library would have computed is not known here.
[[noreturn]] void not_interpreted(const char* what, int value);

}  // namespace resnext::standin
