#pragma once
// The tensor graphs that a network's layers compute with: the cuDNN patterns that have plans (see
// README.md). Activations are (N, C, H, W) with channels innermost, C a multiple of 8.

#include "net/cuda/tensor_graph.h"

namespace resnext::net::cuda {

/// Sizes of a convolution. Filters are (O, I/groups, k, k), channels innermost.
struct ConvolutionShape {
  Dims x, weight, y;
  Window window;
};
TensorGraph convolution_forward(const ConvolutionShape& shape, DataType type);
TensorGraph convolution_backward_data(const ConvolutionShape& shape, DataType type);
/// The weights' gradient is of `type` too: cuDNN has no 16-bit convolution with an fp32 one.
TensorGraph convolution_backward_weights(const ConvolutionShape& shape, DataType type);

/// What is done to a normalised value in the same pass.
struct NormFusion {
  bool residual = false;  ///< adds another value
  bool relu = false;      ///< and a mask of one bit a value, for the backward pass
};
/// Tensors: x, scale, bias, running mean and variance, moved mean and variance, mean, inverse
/// deviation, y; then the residual, if any; then the mask, with ReLU.
TensorGraph batch_norm_forward(const Dims& dims, DataType type, NormFusion fusion, float epsilon,
                               float momentum);

/// How the gradient of a normalised value comes in.
struct NormGradientFusion {
  bool mask = false;           ///< passed where the mask has a bit
  bool keep_gradient = false;  ///< with a mask: what it passes is written, too
};
/// Tensors: x, mean, inverse deviation, scale, dscale, dbias, dx, gradient; then the mask, if any;
/// the gradient to keep, if any.
TensorGraph batch_norm_backward(const Dims& dims, DataType type, NormGradientFusion fusion);

/// Tensors: x, y, index.
TensorGraph max_pool_forward(const Dims& x, const Dims& y, Window window, DataType type);
/// Tensors: dy, index, dx.
TensorGraph max_pool_backward(const Dims& x, const Dims& y, Window window, DataType type);

/// A row-major (rows, columns) matrix, or the transpose of one.
struct Matrix {
  std::int64_t rows = 0, columns = 0;  ///< as the product sees them
  bool transposed = false;             ///< stored as (columns, rows)
  DataType type = DataType::kFloat;
};
/// c = a b, with fp32 sums. Tensors: a, b, c.
TensorGraph matrix_product(const Matrix& a, const Matrix& b, const Matrix& c);

}  // namespace resnext::net::cuda
