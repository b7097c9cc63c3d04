#include "net/cuda/operation_graph.h"

#include <array>
#include <initializer_list>
#include <utility>

namespace resnext::net::cuda {
namespace {

cudnnDataType_t cudnn_type(DataType type) {
  switch (type) {
    case DataType::kFloat:
      return CUDNN_DATA_FLOAT;
    case DataType::kBf16:
      return CUDNN_DATA_BFLOAT16;
    case DataType::kBits:
      return CUDNN_DATA_BOOLEAN;
    case DataType::kInt8:
      return CUDNN_DATA_INT8;
  }
  return CUDNN_DATA_FLOAT;
}

constexpr cudnnDataType_t kComputeType = CUDNN_DATA_FLOAT;
constexpr std::int64_t kAlignment = 16;  // bytes, of every tensor's memory

void set_type(Descriptor& descriptor, cudnnBackendAttributeName_t name, cudnnDataType_t type) {
  descriptor.set(name, CUDNN_TYPE_DATA_TYPE, 1, &type);
}

using Role = std::pair<cudnnBackendAttributeName_t, std::size_t>;  // attribute, tensor's position

struct ConvolutionAttributes {
  cudnnBackendDescriptorType_t type;
  cudnnBackendAttributeName_t window, alpha, beta;
  std::array<cudnnBackendAttributeName_t, 3> tensors;  ///< in OperationKind's order
};

ConvolutionAttributes attributes_of(OperationKind kind) {
  if (kind == OperationKind::kConvolutionForward) {
    return {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
            CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
            CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
            CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA,
            {CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
             CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y}};
  }
  if (kind == OperationKind::kConvolutionBackwardData) {
    return {
        CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
        CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
        CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
        CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA,
        {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX}};
  }
  return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA,
          {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
           CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
           CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW}};
}

Descriptor convolution_window(const Window& window) {
  Descriptor descriptor(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  const std::array<std::int64_t, 2> padding{window.padding, window.padding};
  const std::array<std::int64_t, 2> stride{window.stride, window.stride}, dilation{1, 1};
  const cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
  set_type(descriptor, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, kComputeType);
  descriptor.set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode);
  descriptor.set_integer(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, 2);
  descriptor.set_integers(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, padding);
  descriptor.set_integers(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, padding);
  descriptor.set_integers(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, stride);
  descriptor.set_integers(CUDNN_ATTR_CONVOLUTION_DILATIONS, dilation);
  descriptor.finalize("a convolution's window");
  return descriptor;
}

Descriptor pool_window(const Window& window) {
  Descriptor descriptor(CUDNN_BACKEND_RESAMPLE_DESCRIPTOR);
  const auto both = [](int value) {
    return std::array<cudnnFraction_t, 2>{cudnnFraction_t{value, 1}, cudnnFraction_t{value, 1}};
  };
  const auto padding = both(window.padding), stride = both(window.stride),
             kernel = both(window.kernel);
  const cudnnResampleMode_t mode = CUDNN_RESAMPLE_MAXPOOL;
  const cudnnPaddingMode_t padding_mode = CUDNN_NEG_INF_PAD;
  descriptor.set(CUDNN_ATTR_RESAMPLE_MODE, CUDNN_TYPE_RESAMPLE_MODE, 1, &mode);
  set_type(descriptor, CUDNN_ATTR_RESAMPLE_COMP_TYPE, kComputeType);
  descriptor.set_integer(CUDNN_ATTR_RESAMPLE_SPATIAL_DIMS, 2);
  descriptor.set(CUDNN_ATTR_RESAMPLE_PRE_PADDINGS, CUDNN_TYPE_FRACTION, 2, padding.data());
  descriptor.set(CUDNN_ATTR_RESAMPLE_POST_PADDINGS, CUDNN_TYPE_FRACTION, 2, padding.data());
  descriptor.set(CUDNN_ATTR_RESAMPLE_STRIDES, CUDNN_TYPE_FRACTION, 2, stride.data());
  descriptor.set(CUDNN_ATTR_RESAMPLE_WINDOW_DIMS, CUDNN_TYPE_FRACTION, 2, kernel.data());
  descriptor.set(CUDNN_ATTR_RESAMPLE_PADDING_MODE, CUDNN_TYPE_PADDING_MODE, 1, &padding_mode);
  descriptor.finalize("a pooling window");
  return descriptor;
}

cudnnPointwiseMode_t pointwise_mode(OperationKind kind) {
  switch (kind) {
    case OperationKind::kMultiply:
      return CUDNN_POINTWISE_MUL;
    case OperationKind::kRelu:
      return CUDNN_POINTWISE_RELU_FWD;
    case OperationKind::kGreater:
      return CUDNN_POINTWISE_CMP_GT;
    default:
      return CUDNN_POINTWISE_ADD;
  }
}

}  // namespace

OperationGraph::OperationGraph(const TensorGraph& graph, cudnnHandle_t handle)
    : graph_(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR) {
  for (int i = 0; i < static_cast<int>(graph.tensors.size()); ++i) {
    add_tensor(graph.tensors[std::size_t(i)], i);
  }
  for (const OperationDescription& operation : graph.operations) add_operation(operation);
  std::vector<cudnnBackendDescriptor_t> operations;
  for (Descriptor& operation : operations_) {
    operation.finalize("an operation");
    operations.push_back(operation.get());
  }
  if (handle != nullptr) graph_.set_handle(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, handle);
  graph_.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
             static_cast<std::int64_t>(operations.size()), operations.data());
  graph_.finalize("an operation graph");
}

void OperationGraph::add_tensor(const TensorDescription& tensor, int index) {
  Descriptor& descriptor = tensors_.emplace_back(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  set_type(descriptor, CUDNN_ATTR_TENSOR_DATA_TYPE, cudnn_type(tensor.type));
  descriptor.set_integers(CUDNN_ATTR_TENSOR_DIMENSIONS, tensor.dims);
  descriptor.set_integers(CUDNN_ATTR_TENSOR_STRIDES, tensor.strides);
  descriptor.set_integer(CUDNN_ATTR_TENSOR_UNIQUE_ID, unique_id(index));
  descriptor.set_integer(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, kAlignment);
  if (tensor.is_virtual) descriptor.set_flag(CUDNN_ATTR_TENSOR_IS_VIRTUAL, true);
  if (tensor.constant) descriptor.set_flag(CUDNN_ATTR_TENSOR_IS_BY_VALUE, true);
  descriptor.finalize("a tensor");
}

const Descriptor& OperationGraph::tensor(const OperationDescription& operation,
                                         std::size_t role) const {
  return tensors_.at(std::size_t(operation.tensors.at(role)));
}

Descriptor& OperationGraph::keep(Descriptor descriptor) {
  return parts_.emplace_back(std::move(descriptor));
}

void OperationGraph::add_operation(const OperationDescription& operation) {
  switch (operation.kind) {
    case OperationKind::kConvolutionForward:
    case OperationKind::kConvolutionBackwardData:
    case OperationKind::kConvolutionBackwardWeights:
      return add_convolution(operation);
    case OperationKind::kAdd:
    case OperationKind::kMultiply:
    case OperationKind::kRelu:
    case OperationKind::kGreater:
      return add_pointwise(operation);
    case OperationKind::kBatchNormForward:
      return add_batch_norm_forward(operation);
    case OperationKind::kBatchNormBackward:
      return add_batch_norm_backward(operation);
    case OperationKind::kMaxPoolForward:
    case OperationKind::kMaxPoolBackward:
      return add_max_pool(operation);
    case OperationKind::kMatrixProduct:
      return add_matrix_product(operation);
  }
}

void OperationGraph::add_convolution(const OperationDescription& operation) {
  const ConvolutionAttributes attributes = attributes_of(operation.kind);
  Descriptor& descriptor = operations_.emplace_back(attributes.type);
  descriptor.set(attributes.window, keep(convolution_window(operation.window)));
  for (std::size_t i = 0; i < attributes.tensors.size(); ++i) {
    descriptor.set(attributes.tensors[i], tensor(operation, i));
  }
  const float one = 1, zero = 0;
  descriptor.set(attributes.alpha, CUDNN_TYPE_FLOAT, 1, &one);
  descriptor.set(attributes.beta, CUDNN_TYPE_FLOAT, 1, &zero);
}

void OperationGraph::add_pointwise(const OperationDescription& operation) {
  Descriptor kind(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  const cudnnPointwiseMode_t mode = pointwise_mode(operation.kind);
  kind.set(CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, &mode);
  set_type(kind, CUDNN_ATTR_POINTWISE_MATH_PREC, kComputeType);
  kind.finalize("a pointwise operation");
  Descriptor& descriptor = operations_.emplace_back(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
  descriptor.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, keep(std::move(kind)));
  descriptor.set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, tensor(operation, 0));
  const bool two = operation.tensors.size() == 3;
  if (two) descriptor.set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, tensor(operation, 1));
  descriptor.set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, tensor(operation, two ? 2 : 1));
}

void OperationGraph::add_batch_norm_forward(const OperationDescription& operation) {
  Descriptor& descriptor =
      operations_.emplace_back(CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR);
  const cudnnBackendNormMode_t mode = CUDNN_BATCH_NORM;
  const cudnnBackendNormFwdPhase_t phase = CUDNN_NORM_FWD_TRAINING;
  descriptor.set(CUDNN_ATTR_OPERATION_NORM_FWD_MODE, CUDNN_TYPE_NORM_MODE, 1, &mode);
  descriptor.set(CUDNN_ATTR_OPERATION_NORM_FWD_PHASE, CUDNN_TYPE_NORM_FWD_PHASE, 1, &phase);
  const std::initializer_list<Role> roles{
      {CUDNN_ATTR_OPERATION_NORM_FWD_XDESC, 0},
      {CUDNN_ATTR_OPERATION_NORM_FWD_SCALE_DESC, 1},
      {CUDNN_ATTR_OPERATION_NORM_FWD_BIAS_DESC, 2},
      {CUDNN_ATTR_OPERATION_NORM_FWD_INPUT_RUNNING_MEAN_DESC, 3},
      {CUDNN_ATTR_OPERATION_NORM_FWD_INPUT_RUNNING_VAR_DESC, 4},
      {CUDNN_ATTR_OPERATION_NORM_FWD_OUTPUT_RUNNING_MEAN_DESC, 5},
      {CUDNN_ATTR_OPERATION_NORM_FWD_OUTPUT_RUNNING_VAR_DESC, 6},
      {CUDNN_ATTR_OPERATION_NORM_FWD_MEAN_DESC, 7},
      {CUDNN_ATTR_OPERATION_NORM_FWD_INV_VARIANCE_DESC, 8},
      {CUDNN_ATTR_OPERATION_NORM_FWD_YDESC, 9},
      {CUDNN_ATTR_OPERATION_NORM_FWD_EPSILON_DESC, 10},
      {CUDNN_ATTR_OPERATION_NORM_FWD_EXP_AVG_FACTOR_DESC, 11}};
  for (const auto& [name, role] : roles) descriptor.set(name, tensor(operation, role));
}

void OperationGraph::add_batch_norm_backward(const OperationDescription& operation) {
  Descriptor& descriptor =
      operations_.emplace_back(CUDNN_BACKEND_OPERATION_NORM_BACKWARD_DESCRIPTOR);
  const cudnnBackendNormMode_t mode = CUDNN_BATCH_NORM;
  descriptor.set(CUDNN_ATTR_OPERATION_NORM_BWD_MODE, CUDNN_TYPE_NORM_MODE, 1, &mode);
  const std::initializer_list<Role> roles{{CUDNN_ATTR_OPERATION_NORM_BWD_XDESC, 0},
                                          {CUDNN_ATTR_OPERATION_NORM_BWD_DYDESC, 1},
                                          {CUDNN_ATTR_OPERATION_NORM_BWD_MEAN_DESC, 2},
                                          {CUDNN_ATTR_OPERATION_NORM_BWD_INV_VARIANCE_DESC, 3},
                                          {CUDNN_ATTR_OPERATION_NORM_BWD_SCALE_DESC, 4},
                                          {CUDNN_ATTR_OPERATION_NORM_BWD_DSCALE_DESC, 5},
                                          {CUDNN_ATTR_OPERATION_NORM_BWD_DBIAS_DESC, 6},
                                          {CUDNN_ATTR_OPERATION_NORM_BWD_DXDESC, 7}};
  for (const auto& [name, role] : roles) descriptor.set(name, tensor(operation, role));
}

void OperationGraph::add_max_pool(const OperationDescription& operation) {
  const Descriptor& window = keep(pool_window(operation.window));
  if (operation.kind == OperationKind::kMaxPoolForward) {
    Descriptor& forward = operations_.emplace_back(CUDNN_BACKEND_OPERATION_RESAMPLE_FWD_DESCRIPTOR);
    forward.set(CUDNN_ATTR_OPERATION_RESAMPLE_FWD_DESC, window);
    forward.set(CUDNN_ATTR_OPERATION_RESAMPLE_FWD_XDESC, tensor(operation, 0));
    forward.set(CUDNN_ATTR_OPERATION_RESAMPLE_FWD_YDESC, tensor(operation, 1));
    forward.set(CUDNN_ATTR_OPERATION_RESAMPLE_FWD_IDXDESC, tensor(operation, 2));
    return;
  }
  Descriptor& backward = operations_.emplace_back(CUDNN_BACKEND_OPERATION_RESAMPLE_BWD_DESCRIPTOR);
  backward.set(CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DESC, window);
  backward.set(CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DYDESC, tensor(operation, 0));
  backward.set(CUDNN_ATTR_OPERATION_RESAMPLE_BWD_IDXDESC, tensor(operation, 1));
  backward.set(CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DXDESC, tensor(operation, 2));
}

void OperationGraph::add_matrix_product(const OperationDescription& operation) {
  Descriptor kind(CUDNN_BACKEND_MATMUL_DESCRIPTOR);
  set_type(kind, CUDNN_ATTR_MATMUL_COMP_TYPE, kComputeType);
  kind.finalize("a matrix product");
  Descriptor& descriptor = operations_.emplace_back(CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR);
  descriptor.set(CUDNN_ATTR_OPERATION_MATMUL_DESC, keep(std::move(kind)));
  descriptor.set(CUDNN_ATTR_OPERATION_MATMUL_ADESC, tensor(operation, 0));
  descriptor.set(CUDNN_ATTR_OPERATION_MATMUL_BDESC, tensor(operation, 1));
  descriptor.set(CUDNN_ATTR_OPERATION_MATMUL_CDESC, tensor(operation, 2));
}

}  // namespace resnext::net::cuda
