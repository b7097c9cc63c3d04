#pragma once
// What cuDNN was told of a graph of operations, kept as plain values so that it can be computed
// without cuDNN, and after its descriptors are gone.

#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <vector>

#include <cudnn.h>

namespace resnext::standin {

using Dims = std::vector<std::int64_t>;

/// The value of an attribute, as it was set.
struct Attribute {
  std::int64_t count = 0;
  std::vector<char> bytes;

  template <typename Value>
  std::vector<Value> values() const {
    std::vector<Value> result(static_cast<std::size_t>(count));
    std::memcpy(result.data(), bytes.data(), std::min(bytes.size(), count * sizeof(Value)));
    return result;
  }
};
/// Their names are distinct across kinds of descriptors.
using Attributes = std::map<cudnnBackendAttributeName_t, Attribute>;

template <typename Value>
Value attribute(const Attributes& attributes, cudnnBackendAttributeName_t name,
                Value otherwise = {}) {
  const auto found = attributes.find(name);
  return found == attributes.end() ? otherwise : found->second.values<Value>().at(0);
}

struct Tensor {
  Dims dims, strides;  ///< in elements
  cudnnDataType_t type = CUDNN_DATA_FLOAT;
  std::int64_t id = 0, alignment = 1;
  bool is_virtual = false, by_value = false;

  std::size_t elements() const;
  std::size_t extent_bytes() const;  ///< from the first element to the last
};

struct Operation {
  cudnnBackendDescriptorType_t kind{};
  std::map<cudnnBackendAttributeName_t, Tensor> tensors;
  Attributes attributes;  ///< its own, and those of its window (pointwise mode, ...)
};

struct RecordedGraph {
  std::vector<Operation> operations;
};
using RecordedGraphPtr = std::shared_ptr<const RecordedGraph>;

/// A descriptor that lives.
struct Record {
  cudnnBackendDescriptorType_t kind{};
  Attributes attributes;
  RecordedGraphPtr graph;  ///< of operation graphs, engine configurations and plans
};
using Records = std::map<cudnnBackendDescriptor_t, Record>;

/// The operations of an operation graph.
RecordedGraphPtr record_graph(const Record& graph, const Records& records);

}  // namespace resnext::standin
