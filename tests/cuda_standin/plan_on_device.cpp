#include "tests/cuda_standin/plan_on_device.h"

#include <bit>
#include <cstdint>
#include <cstring>
#include <random>
#include <stdexcept>

namespace resnext::standin {
namespace {

using net::cuda::DataType;
using net::cuda::TensorDescription;

std::size_t count_of(const net::cuda::Dims& dims) {
  std::size_t count = 1;
  for (const std::int64_t dim : dims) count *= std::size_t(dim);
  return count;
}

/// Offset of the i-th value in the order of dimensions.
std::size_t offset_of(const TensorDescription& tensor, std::size_t i) {
  std::size_t offset = 0;
  for (std::size_t k = tensor.dims.size(); k-- > 0;) {
    offset += i % std::size_t(tensor.dims[k]) * std::size_t(tensor.strides[k]);
    i /= std::size_t(tensor.dims[k]);
  }
  return offset;
}

std::uint16_t bf16_of(float value) {
  return std::uint16_t(std::bit_cast<std::uint32_t>(value) >> 16);  // exact where tests use it
}

void check(bool good, const char* what) {
  if (!good) throw std::runtime_error(what);
}

}  // namespace

Values random_values(const net::cuda::Dims& dims, unsigned seed) {
  std::mt19937 random(seed);
  Values values(count_of(dims));
  for (float& value : values) value = float(int(random() % 256) - 128) / 128.0F;
  return values;
}

PlanOnDevice::PlanOnDevice(const net::cuda::TensorGraph& graph,
                           const std::optional<std::string>& json)
    : graph_(graph) {
  check(cudnnCreate(&handle_) == CUDNN_STATUS_SUCCESS, "cudnnCreate");
  net::cuda::PlanTarget target;
  target.handle = handle_;
  net::cuda::PlanPolicy policy;
  policy.tensor_core_fp32 = true;
  plan_ = json ? std::make_unique<net::cuda::ExecutionPlan>(graph, target, *json)
               : std::make_unique<net::cuda::ExecutionPlan>(graph, target, policy);
  for (const int index : graph.bound_tensors()) {
    const TensorDescription& tensor = graph.tensors[std::size_t(index)];
    if (tensor.constant) continue;
    Memory& memory = memory_.emplace_back();
    memory.tensor = index;
    memory.bytes = net::cuda::bytes_of(tensor.type, count_of(tensor.dims));
    check(cudaMalloc(reinterpret_cast<void**>(&memory.start), memory.bytes) == cudaSuccess,
          "cudaMalloc");
  }
  if (plan_->workspace_bytes() > 0) cudaMalloc(&workspace_, plan_->workspace_bytes());
}

PlanOnDevice::~PlanOnDevice() {
  for (const Memory& memory : memory_) cudaFree(memory.start);
  cudaFree(workspace_);
  cudnnDestroy(handle_);
}

const TensorDescription& PlanOnDevice::description(std::size_t bound) const {
  return graph_.tensors[std::size_t(memory_.at(bound).tensor)];
}

void PlanOnDevice::set(std::size_t bound, const Values& values) {
  const TensorDescription& tensor = description(bound);
  std::vector<char> bytes(memory_[bound].bytes);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t at = offset_of(tensor, i);
    if (tensor.type == DataType::kFloat) {
      std::memcpy(&bytes[at * 4], &values[i], 4);
    } else if (tensor.type == DataType::kBf16) {
      const std::uint16_t bits = bf16_of(values[i]);
      std::memcpy(&bytes[at * 2], &bits, 2);
    } else if (tensor.type == DataType::kInt8) {
      bytes[at] = char(values[i]);
    } else {
      bytes[at / 8] = char(bytes[at / 8] | (values[i] != 0 ? 1 << (at % 8) : 0));
    }
  }
  cudaMemcpy(memory_[bound].start, bytes.data(), bytes.size(), cudaMemcpyHostToDevice);
}

Values PlanOnDevice::get(std::size_t bound) const {
  const TensorDescription& tensor = description(bound);
  std::vector<char> bytes(memory_[bound].bytes);
  cudaDeviceSynchronize();
  cudaMemcpy(bytes.data(), memory_[bound].start, bytes.size(), cudaMemcpyDeviceToHost);
  Values values(count_of(tensor.dims));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t at = offset_of(tensor, i);
    if (tensor.type == DataType::kFloat) {
      std::memcpy(&values[i], &bytes[at * 4], 4);
    } else if (tensor.type == DataType::kBf16) {
      std::uint16_t bits = 0;
      std::memcpy(&bits, &bytes[at * 2], 2);
      values[i] = std::bit_cast<float>(std::uint32_t{bits} << 16);
    } else if (tensor.type == DataType::kInt8) {
      values[i] = float(static_cast<signed char>(bytes[at]));
    } else {
      values[i] = float(bytes[at / 8] >> (at % 8) & 1);
    }
  }
  return values;
}

cudnnStatus_t PlanOnDevice::execute(std::optional<void*> workspace, std::ptrdiff_t shift) {
  std::vector<std::int64_t> ids;
  std::vector<void*> pointers;
  for (const Memory& memory : memory_) {
    ids.push_back(net::cuda::OperationGraph::unique_id(memory.tensor));
    pointers.push_back(memory.start + shift);
  }
  std::vector<float> constants(graph_.tensors.size());
  for (std::size_t i = 0; i < graph_.tensors.size(); ++i) {
    if (!graph_.tensors[i].constant) continue;
    constants[i] = *graph_.tensors[i].constant;
    ids.push_back(net::cuda::OperationGraph::unique_id(int(i)));
    pointers.push_back(&constants[i]);
  }
  void* scratch = workspace.value_or(workspace_);
  net::cuda::Descriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  pack.set_integers(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, ids);
  pack.set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR,
           std::int64_t(pointers.size()), static_cast<const void*>(pointers.data()));
  pack.set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1,
           static_cast<const void*>(&scratch));
  pack.finalize("a variant pack");
  return cudnnBackendExecute(handle_, plan_->descriptor().get(), pack.get());
}

}  // namespace resnext::standin
