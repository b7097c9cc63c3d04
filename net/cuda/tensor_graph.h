#pragma once
// A small graph of tensor operations as plain data: what one cuDNN execution plan computes. Made
// without cuDNN, so that a network's plans can be listed, compared and named on any machine.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "net/graph.h"

namespace resnext::net::cuda {

enum class DataType {
  kFloat,
  kBf16,
  kBits,  ///< booleans, eight a byte
  kInt8,
};

/// Bytes that `values` values take.
std::size_t bytes_of(DataType type, std::size_t values);

using Dims = std::vector<std::int64_t>;

struct TensorDescription {
  Dims dims;     ///< (N, C, H, W); of a filter (O, I/groups, k, k); of a matrix (1, rows, columns)
  Dims strides;  ///< in values
  DataType type = DataType::kFloat;
  bool is_virtual = false;  ///< lives inside the plan only
  std::optional<float> constant;
};

/// The tensors of an operation, by number, in the order given here.
enum class OperationKind {
  kConvolutionForward,          ///< x, weight, y
  kConvolutionBackwardData,     ///< dy, weight, dx
  kConvolutionBackwardWeights,  ///< x, dy, dweight
  kMatrixProduct,               ///< a, b, c = a b
  kAdd,                         ///< a, b, y
  kMultiply,                    ///< a, b, y
  kRelu,                        ///< x, y
  kGreater,                     ///< a, b, y = a > b
  kBatchNormForward,   ///< x, scale, bias, running mean and variance, moved mean and variance,
                       ///< mean, inverse deviation, y, epsilon, momentum
  kBatchNormBackward,  ///< x, dy, mean, inverse deviation, scale, dscale, dbias, dx
  kMaxPoolForward,     ///< x, y, index
  kMaxPoolBackward,    ///< dy, index, dx
};

struct OperationDescription {
  OperationKind kind = OperationKind::kAdd;
  std::vector<int> tensors;
  Window window;  ///< convolutions and pools
};

struct TensorGraph {
  std::vector<TensorDescription> tensors;
  std::vector<OperationDescription> operations;

  /// Numbers of the tensors that a plan is given memory for, ascending.
  std::vector<int> bound_tensors() const;

  /// Everything about the graph in one line; equal for equal graphs only.
  std::string text() const;

  /// For people, e.g. "convolution_forward x 64x128x56x56 weight 128x4x3x3 bf16".
  std::string summary() const;
};

/// Strides of (N, C, H, W) with channels innermost.
Dims channels_last(const Dims& dims);

}  // namespace resnext::net::cuda
