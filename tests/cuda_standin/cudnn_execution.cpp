#include "tests/cuda_standin/cudnn_execution.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "tests/cuda_standin/standin.h"

namespace resnext::standin {
namespace {

float from_bf16(std::uint16_t bits) {
  return std::bit_cast<float>(std::uint32_t{bits} << 16);
}

std::uint16_t to_bf16(float value) {
  if (std::isnan(value)) return 0x7fff;
  std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  bits += 0x7fff + ((bits >> 16) & 1);  // to the nearest, ties to even
  return static_cast<std::uint16_t>(bits >> 16);
}

float rounded(float value, cudnnDataType_t type) {
  switch (type) {
    case CUDNN_DATA_BFLOAT16:
      return from_bf16(to_bf16(value));
    case CUDNN_DATA_BOOLEAN:
      return value != 0 ? 1.0F : 0.0F;
    default:
      return value;
  }
}

/// Calls `row(offset of the row's first element, its number among rows)` for each run of the last
/// dimension.
template <typename Row>
void for_rows(const Tensor& tensor, const Row& row) {
  const std::size_t rank = tensor.dims.size();
  Dims at(rank, 0);
  const auto rows = tensor.elements() / static_cast<std::size_t>(tensor.dims.back());
  for (std::size_t number = 0; number < rows; ++number) {
    std::int64_t offset = 0;
    for (std::size_t i = 0; i + 1 < rank; ++i) offset += at[i] * tensor.strides[i];
    row(offset, number);
    for (std::size_t i = rank - 1; i-- > 0;) {
      if (++at[i] < tensor.dims[i]) break;
      at[i] = 0;
    }
  }
}

template <typename Load>
Values load(const Tensor& tensor, const Load& element) {
  Values values(tensor.elements());
  const std::int64_t width = tensor.dims.back(), stride = tensor.strides.back();
  for_rows(tensor, [&](std::int64_t offset, std::size_t row) {
    float* to = values.data() + row * static_cast<std::size_t>(width);
    for (std::int64_t i = 0; i < width; ++i) to[i] = element(offset + i * stride);
  });
  return values;
}

template <typename Store>
void store(const Tensor& tensor, std::span<const float> values, const Store& element) {
  const std::int64_t width = tensor.dims.back(), stride = tensor.strides.back();
  for_rows(tensor, [&](std::int64_t offset, std::size_t row) {
    const float* from = values.data() + row * static_cast<std::size_t>(width);
    for (std::int64_t i = 0; i < width; ++i) element(offset + i * stride, from[i]);
  });
}

void set_bit(std::uint8_t* bytes, std::int64_t index, bool value) {
  const auto mask = static_cast<std::uint8_t>(1U << (index % 8));
  std::uint8_t& byte = bytes[index / 8];
  byte = static_cast<std::uint8_t>(value ? byte | mask : byte & ~mask);
}

std::string pointer_complaint(const Tensor& tensor, const void* pointer) {
  const std::string name = "tensor " + std::to_string(tensor.id);
  if (pointer == nullptr) return name + " has no pointer in the variant pack";
  if (tensor.by_value) return "";
  if (reinterpret_cast<std::uintptr_t>(pointer) %
          static_cast<std::uintptr_t>(std::max<std::int64_t>(tensor.alignment, 1)) !=
      0) {
    return name + " is not aligned to " + std::to_string(tensor.alignment) + " bytes";
  }
  if (!in_device_memory(pointer, tensor.extent_bytes())) {
    return name + " (" + std::to_string(tensor.extent_bytes()) +
           " bytes) does not lie in one allocation of device memory";
  }
  return "";
}

/// What an H100 refuses to execute, though cuDNN 9.19 plans it: batch-norm's gradient of a sum.
bool takes_norm_gradient_of_a_sum(const RecordedGraph& graph) {
  const auto is_sum = [](const Operation& operation) {
    return operation.kind == CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR &&
           attribute<cudnnPointwiseMode_t>(operation.attributes, CUDNN_ATTR_POINTWISE_MODE) ==
               CUDNN_POINTWISE_ADD;
  };
  return std::ranges::any_of(graph.operations, is_sum) &&
         graph.operations.back().kind == CUDNN_BACKEND_OPERATION_NORM_BACKWARD_DESCRIPTOR;
}

}  // namespace

Execution::Execution(RecordedGraphPtr graph, std::map<std::int64_t, void*> pointers)
    : graph_(std::move(graph)), pointers_(std::move(pointers)) {
  for (const Operation& operation : graph_->operations) {
    for (const auto& [name, tensor] : operation.tensors) {
      const auto found = pointers_.find(tensor.id);
      if (!tensor.by_value || found == pointers_.end() || found->second == nullptr) continue;
      scalars_[tensor.id] = tensor.type == CUDNN_DATA_DOUBLE
                                ? static_cast<float>(*static_cast<const double*>(found->second))
                                : *static_cast<const float*>(found->second);
    }
  }
}

std::string Execution::complaint() const {
  if (takes_norm_gradient_of_a_sum(*graph_)) return "nullptr == params.gmem_dy";
  for (const Operation& operation : graph_->operations) {
    for (const auto& [name, tensor] : operation.tensors) {
      if (tensor.is_virtual) continue;
      const auto found = pointers_.find(tensor.id);
      const std::string text =
          pointer_complaint(tensor, found == pointers_.end() ? nullptr : found->second);
      if (!text.empty()) return text;
    }
  }
  return "";
}

void Execution::run() {
  for (const Operation& operation : graph_->operations) {
    if (!compute_convolution(operation, *this) && !compute_pointwise(operation, *this) &&
        !compute_batch_norm(operation, *this) && !compute_pool(operation, *this) &&
        !compute_matrix_product(operation, *this)) {
      not_interpreted("operation", operation.kind);
    }
  }
}

Values Execution::read(const Tensor& tensor) const {
  if (tensor.is_virtual) {
    const auto found = virtual_.find(tensor.id);
    return found != virtual_.end() ? found->second : Values(tensor.elements(), NAN);
  }
  if (tensor.by_value) return Values(tensor.elements(), scalar(tensor));
  const void* memory = pointers_.at(tensor.id);
  switch (tensor.type) {
    case CUDNN_DATA_FLOAT:
      return load(tensor, [m = static_cast<const float*>(memory)](auto i) { return m[i]; });
    case CUDNN_DATA_BFLOAT16:
      return load(tensor, [m = static_cast<const std::uint16_t*>(memory)](auto i) {
        return from_bf16(m[i]);
      });
    case CUDNN_DATA_INT8:
      return load(tensor,
                  [m = static_cast<const std::int8_t*>(memory)](auto i) { return float(m[i]); });
    case CUDNN_DATA_BOOLEAN:
      return load(tensor, [m = static_cast<const std::uint8_t*>(memory)](auto i) {
        return float(m[i / 8] >> (i % 8) & 1);
      });
    default:
      not_interpreted("data type", tensor.type);
  }
}

float Execution::scalar(const Tensor& tensor) const {
  return tensor.by_value ? scalars_.at(tensor.id) : read(tensor).at(0);
}

void Execution::write(const Tensor& tensor, std::span<const float> values) {
  if (tensor.is_virtual) {
    Values& kept = virtual_[tensor.id];
    kept.assign(values.begin(), values.end());
    for (float& value : kept) value = rounded(value, tensor.type);
    return;
  }
  void* memory = pointers_.at(tensor.id);
  switch (tensor.type) {
    case CUDNN_DATA_FLOAT:
      return store(tensor, values,
                   [m = static_cast<float*>(memory)](auto i, float value) { m[i] = value; });
    case CUDNN_DATA_BFLOAT16:
      return store(tensor, values, [m = static_cast<std::uint16_t*>(memory)](auto i, float value) {
        m[i] = to_bf16(value);
      });
    case CUDNN_DATA_INT8:
      return store(tensor, values, [m = static_cast<std::int8_t*>(memory)](auto i, float value) {
        m[i] = static_cast<std::int8_t>(value);
      });
    case CUDNN_DATA_BOOLEAN:
      return store(tensor, values, [m = static_cast<std::uint8_t*>(memory)](auto i, float value) {
        set_bit(m, i, value != 0);
      });
    default:
      not_interpreted("data type", tensor.type);
  }
}

void not_interpreted(const char* what, int value) {
  std::fprintf(stderr, "[standin] cuDNN's %s %d is not interpreted\n", what, value);
  std::abort();
}

}  // namespace resnext::standin
