// Products of matrices in the last two dimensions, over batches in those before; summed in fp64.

#include "tests/cuda_standin/cudnn_execution.h"

namespace resnext::standin {
namespace {

struct Batches {
  std::size_t count = 1, rows = 0, columns = 0;
  explicit Batches(const Tensor& tensor) {
    const std::size_t rank = tensor.dims.size();
    for (std::size_t i = 0; i + 2 < rank; ++i) count *= std::size_t(tensor.dims[i]);
    rows = std::size_t(tensor.dims[rank - 2]);
    columns = std::size_t(tensor.dims[rank - 1]);
  }
  /// A single matrix serves every batch.
  const float* matrix(const Values& values, std::size_t batch) const {
    return values.data() + (count == 1 ? 0 : batch) * rows * columns;
  }
};

}  // namespace

bool compute_matrix_product(const Operation& operation, Execution& execution) {
  if (operation.kind != CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR) return false;
  const Tensor& a = operation.tensors.at(CUDNN_ATTR_OPERATION_MATMUL_ADESC);
  const Tensor& b = operation.tensors.at(CUDNN_ATTR_OPERATION_MATMUL_BDESC);
  const Tensor& c = operation.tensors.at(CUDNN_ATTR_OPERATION_MATMUL_CDESC);
  const Batches left(a), right(b), product(c);
  const Values a_values = execution.read(a), b_values = execution.read(b);
  std::vector<double> sums(c.elements());
  for (std::size_t batch = 0; batch < product.count; ++batch) {
    const float* from = left.matrix(a_values, batch);
    for (std::size_t row = 0; row < left.rows; ++row) {
      double* to = sums.data() + (batch * product.rows + row) * product.columns;
      for (std::size_t k = 0; k < left.columns; ++k) {
        const double factor = double(from[row * left.columns + k]);
        const float* line = right.matrix(b_values, batch) + k * right.columns;
        for (std::size_t i = 0; i < right.columns; ++i) to[i] += factor * double(line[i]);
      }
    }
  }
  execution.write(c, Values(sums.begin(), sums.end()));
  return true;
}

}  // namespace resnext::standin
