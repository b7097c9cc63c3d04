#include "tests/cuda_standin/cudnn_graph.h"

#include <utility>

namespace resnext::standin {
namespace {

Tensor tensor_of(const Record& record) {
  const Attributes& from = record.attributes;
  Tensor tensor;
  tensor.dims = from.at(CUDNN_ATTR_TENSOR_DIMENSIONS).values<std::int64_t>();
  tensor.strides = from.at(CUDNN_ATTR_TENSOR_STRIDES).values<std::int64_t>();
  tensor.type = attribute<cudnnDataType_t>(from, CUDNN_ATTR_TENSOR_DATA_TYPE);
  tensor.id = attribute<std::int64_t>(from, CUDNN_ATTR_TENSOR_UNIQUE_ID);
  tensor.alignment = attribute<std::int64_t>(from, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, 1);
  tensor.is_virtual = attribute<char>(from, CUDNN_ATTR_TENSOR_IS_VIRTUAL) != 0;
  tensor.by_value = attribute<char>(from, CUDNN_ATTR_TENSOR_IS_BY_VALUE) != 0;
  return tensor;
}

}  // namespace

std::size_t Tensor::elements() const {
  std::size_t product = 1;
  for (const std::int64_t dim : dims) product *= static_cast<std::size_t>(dim);
  return product;
}

std::size_t Tensor::extent_bytes() const {
  std::size_t last = 0;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    last += static_cast<std::size_t>((dims[i] - 1) * strides[i]);
  }
  switch (type) {
    case CUDNN_DATA_BOOLEAN:
      return last / 8 + 1;
    case CUDNN_DATA_INT8:
      return last + 1;
    case CUDNN_DATA_BFLOAT16:
      return (last + 1) * 2;
    case CUDNN_DATA_DOUBLE:
    case CUDNN_DATA_INT64:
      return (last + 1) * 8;
    default:
      return (last + 1) * 4;
  }
}

RecordedGraphPtr record_graph(const Record& graph, const Records& records) {
  auto result = std::make_shared<RecordedGraph>();
  const auto& handles = graph.attributes.at(CUDNN_ATTR_OPERATIONGRAPH_OPS);
  for (const auto handle : handles.values<cudnnBackendDescriptor_t>()) {
    const Record& record = records.at(handle);
    Operation operation;
    operation.kind = record.kind;
    operation.attributes = record.attributes;
    for (const auto& [name, value] : record.attributes) {
      if (value.bytes.size() != sizeof(cudnnBackendDescriptor_t)) continue;
      const auto part = records.find(value.values<cudnnBackendDescriptor_t>()[0]);
      if (part == records.end()) continue;
      if (part->second.kind == CUDNN_BACKEND_TENSOR_DESCRIPTOR) {
        operation.tensors[name] = tensor_of(part->second);
      } else {
        operation.attributes.insert(part->second.attributes.begin(), part->second.attributes.end());
      }
    }
    result->operations.push_back(std::move(operation));
  }
  return result;
}

}  // namespace resnext::standin
