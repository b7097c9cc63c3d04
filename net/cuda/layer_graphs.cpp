#include "net/cuda/layer_graphs.h"

namespace resnext::net::cuda {
namespace {

/// Adds tensors and operations one by one.
class Writer {
 public:
  int tensor(const Dims& dims, DataType type, bool is_virtual = false) {
    return add({dims, channels_last(dims), type, is_virtual, {}});
  }
  int vector(std::int64_t channels) { return tensor({1, channels, 1, 1}, DataType::kFloat); }
  int constant(float value) {
    return add({{1, 1, 1, 1}, {1, 1, 1, 1}, DataType::kFloat, false, value});
  }
  int matrix(const Matrix& m) {
    const Dims strides =
        m.transposed ? Dims{m.rows * m.columns, 1, m.rows} : Dims{m.rows * m.columns, m.columns, 1};
    return add({{1, m.rows, m.columns}, strides, m.type, false, {}});
  }
  void operation(OperationKind kind, std::vector<int> tensors, Window window = {}) {
    graph_.operations.push_back({kind, std::move(tensors), window});
  }
  TensorGraph finish() { return std::move(graph_); }

 private:
  int add(TensorDescription tensor) {
    graph_.tensors.push_back(std::move(tensor));
    return static_cast<int>(graph_.tensors.size()) - 1;
  }
  TensorGraph graph_;
};

TensorGraph one_operation(OperationKind kind, const std::vector<Dims>& dims, Window window,
                          DataType type) {
  Writer writer;
  std::vector<int> tensors;
  for (const Dims& tensor : dims) tensors.push_back(writer.tensor(tensor, type));
  writer.operation(kind, tensors, window);
  return writer.finish();
}

}  // namespace

TensorGraph convolution_forward(const ConvolutionShape& shape, DataType type) {
  return one_operation(OperationKind::kConvolutionForward, {shape.x, shape.weight, shape.y},
                       shape.window, type);
}

TensorGraph convolution_backward_data(const ConvolutionShape& shape, DataType type) {
  return one_operation(OperationKind::kConvolutionBackwardData, {shape.y, shape.weight, shape.x},
                       shape.window, type);
}

TensorGraph convolution_backward_weights(const ConvolutionShape& shape, DataType type) {
  return one_operation(OperationKind::kConvolutionBackwardWeights, {shape.x, shape.y, shape.weight},
                       shape.window, type);
}

TensorGraph batch_norm_forward(const Dims& dims, DataType type, NormFusion fusion, float epsilon,
                               float momentum) {
  Writer writer;
  const std::int64_t channels = dims[1];
  std::vector<int> norm{writer.tensor(dims, type)};
  for (int vector = 0; vector < 8; ++vector) norm.push_back(writer.vector(channels));
  const int y = writer.tensor(dims, type);
  const int residual = fusion.residual ? writer.tensor(dims, type) : -1;
  const int mask = fusion.relu ? writer.tensor(dims, DataType::kBits) : -1;
  const auto inner = [&] { return writer.tensor(dims, DataType::kFloat, true); };
  const bool fused = fusion.residual || fusion.relu;
  int value = fused ? inner() : y;
  norm.push_back(value);
  norm.push_back(writer.constant(epsilon));
  norm.push_back(writer.constant(momentum));
  writer.operation(OperationKind::kBatchNormForward, norm);
  if (fusion.residual) {
    const int sum = fusion.relu ? inner() : y;
    writer.operation(OperationKind::kAdd, {value, residual, sum});
    value = sum;
  }
  if (fusion.relu) {
    writer.operation(OperationKind::kRelu, {value, y});
    writer.operation(OperationKind::kGreater, {y, writer.constant(0), mask});
  }
  return writer.finish();
}

TensorGraph batch_norm_backward(const Dims& dims, DataType type, NormGradientFusion fusion) {
  Writer writer;
  const std::int64_t channels = dims[1];
  const int x = writer.tensor(dims, type);
  const int mean = writer.vector(channels), deviation = writer.vector(channels);
  const int scale = writer.vector(channels);
  const int dscale = writer.vector(channels), dbias = writer.vector(channels);
  const int dx = writer.tensor(dims, type);
  int gradient = writer.tensor(dims, type);
  const int mask = fusion.mask ? writer.tensor(dims, DataType::kBits) : -1;
  const int kept = fusion.keep_gradient ? writer.tensor(dims, type) : -1;
  if (fusion.mask) {
    // cuDNN finds plans where what the mask passes is kept, or rounded as if it were.
    const int passed = kept >= 0 ? kept : writer.tensor(dims, type, true);
    writer.operation(OperationKind::kMultiply, {gradient, mask, passed});
    gradient = passed;
  }
  writer.operation(OperationKind::kBatchNormBackward,
                   {x, gradient, mean, deviation, scale, dscale, dbias, dx});
  return writer.finish();
}

TensorGraph max_pool_forward(const Dims& x, const Dims& y, Window window, DataType type) {
  Writer writer;
  const int from = writer.tensor(x, type), to = writer.tensor(y, type);
  const int index = writer.tensor(y, DataType::kInt8);
  writer.operation(OperationKind::kMaxPoolForward, {from, to, index}, window);
  return writer.finish();
}

TensorGraph max_pool_backward(const Dims& x, const Dims& y, Window window, DataType type) {
  Writer writer;
  const int from = writer.tensor(y, type), index = writer.tensor(y, DataType::kInt8);
  const int to = writer.tensor(x, type);
  writer.operation(OperationKind::kMaxPoolBackward, {from, index, to}, window);
  return writer.finish();
}

TensorGraph matrix_product(const Matrix& a, const Matrix& b, const Matrix& c) {
  Writer writer;
  const int left = writer.matrix(a), right = writer.matrix(b), product = writer.matrix(c);
  writer.operation(OperationKind::kMatrixProduct, {left, right, product});
  return writer.finish();
}

}  // namespace resnext::net::cuda
