#include "net/cuda/tensor_graph.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace resnext::net::cuda {
namespace {

const char* name_of(DataType type) {
  switch (type) {
    case DataType::kFloat:
      return "fp32";
    case DataType::kBf16:
      return "bf16";
    case DataType::kBits:
      return "bits";
    case DataType::kInt8:
      return "int8";
  }
  return "";
}

const char* name_of(OperationKind kind) {
  switch (kind) {
    case OperationKind::kConvolutionForward:
      return "convolution_forward";
    case OperationKind::kConvolutionBackwardData:
      return "convolution_backward_data";
    case OperationKind::kConvolutionBackwardWeights:
      return "convolution_backward_weights";
    case OperationKind::kMatrixProduct:
      return "matrix_product";
    case OperationKind::kAdd:
      return "add";
    case OperationKind::kMultiply:
      return "multiply";
    case OperationKind::kRelu:
      return "relu";
    case OperationKind::kGreater:
      return "greater";
    case OperationKind::kBatchNormForward:
      return "batch_norm_forward";
    case OperationKind::kBatchNormBackward:
      return "batch_norm_backward";
    case OperationKind::kMaxPoolForward:
      return "max_pool_forward";
    case OperationKind::kMaxPoolBackward:
      return "max_pool_backward";
  }
  return "";
}

bool has_window(OperationKind kind) {
  return kind == OperationKind::kConvolutionForward ||
         kind == OperationKind::kConvolutionBackwardData ||
         kind == OperationKind::kConvolutionBackwardWeights ||
         kind == OperationKind::kMaxPoolForward || kind == OperationKind::kMaxPoolBackward;
}

std::string window_text(const OperationDescription& operation) {
  if (!has_window(operation.kind)) return {};
  const Window& window = operation.window;
  return fmt::format(" k{}s{}p{}", window.kernel, window.stride, window.padding);
}

}  // namespace

std::size_t bytes_of(DataType type, std::size_t values) {
  switch (type) {
    case DataType::kFloat:
      return values * 4;
    case DataType::kBf16:
      return values * 2;
    case DataType::kBits:
      return (values + 7) / 8;
    case DataType::kInt8:
      return values;
  }
  return 0;
}

std::vector<int> TensorGraph::bound_tensors() const {
  std::vector<int> bound;
  for (int i = 0; i < static_cast<int>(tensors.size()); ++i) {
    if (!tensors[i].is_virtual && !tensors[i].constant) bound.push_back(i);
  }
  return bound;
}

std::string TensorGraph::text() const {
  std::string text;
  for (const TensorDescription& tensor : tensors) {
    text += fmt::format("[{} / {} {}{}{}] ", fmt::join(tensor.dims, "x"),
                        fmt::join(tensor.strides, "x"), name_of(tensor.type),
                        tensor.is_virtual ? " virtual" : "",
                        tensor.constant ? fmt::format(" = {}", *tensor.constant) : "");
  }
  for (const OperationDescription& operation : operations) {
    text += fmt::format("{}({}){}; ", name_of(operation.kind), fmt::join(operation.tensors, ","),
                        window_text(operation));
  }
  return text;
}

std::string TensorGraph::summary() const {
  std::vector<std::string> names;
  for (const OperationDescription& operation : operations) {
    names.push_back(name_of(operation.kind) + window_text(operation));
  }
  const TensorDescription& first = tensors.front();
  std::string text = fmt::format("{} {} {}", fmt::join(names, "+"), fmt::join(first.dims, "x"),
                                 name_of(first.type));
  if (operations.front().tensors.size() == 3) {
    text += fmt::format(", {}", fmt::join(tensors[1].dims, "x"));
  }
  return text;
}

Dims channels_last(const Dims& dims) {
  return {dims[1] * dims[2] * dims[3], 1, dims[1] * dims[3], dims[1]};
}

}  // namespace resnext::net::cuda
