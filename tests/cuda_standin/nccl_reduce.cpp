#include "tests/cuda_standin/nccl_reduce.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

namespace resnext::standin {
namespace {

template <typename Value>
std::vector<Value> values_of(const Bytes& bytes) {
  std::vector<Value> values(bytes.size() / sizeof(Value));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

template <typename Value>
Bytes bytes_of(const std::vector<Value>& values) {
  Bytes bytes(values.size() * sizeof(Value));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

template <typename Value>
Value combined(Value a, Value b, ncclRedOp_t operation) {
  switch (operation) {
    case ncclProd:
      return static_cast<Value>(a * b);
    case ncclMax:
      return std::max(a, b);
    case ncclMin:
      return std::min(a, b);
    default:
      return static_cast<Value>(a + b);
  }
}

template <typename Value>
std::vector<Value> reduce_values(const std::vector<std::vector<Value>>& parts,
                                 ncclRedOp_t operation) {
  std::vector<Value> result = parts.at(0);
  for (std::size_t part = 1; part < parts.size(); ++part) {
    for (std::size_t i = 0; i < result.size(); ++i) {
      result[i] = combined(result[i], parts[part][i], operation);
    }
  }
  if (operation == ncclAvg) {
    for (Value& value : result)
      value = static_cast<Value>(value / static_cast<Value>(parts.size()));
  }
  return result;
}

template <typename Value>
Bytes reduce_as(const std::vector<Bytes>& parts, ncclRedOp_t operation) {
  std::vector<std::vector<Value>> values;
  for (const Bytes& part : parts) values.push_back(values_of<Value>(part));
  return bytes_of(reduce_values(values, operation));
}

Bytes reduce_bf16(const std::vector<Bytes>& parts, ncclRedOp_t operation) {
  std::vector<std::vector<float>> values;
  for (const Bytes& part : parts) {
    std::vector<float>& wide = values.emplace_back();
    for (const std::uint16_t bits : values_of<std::uint16_t>(part)) {
      wide.push_back(std::bit_cast<float>(std::uint32_t{bits} << 16));
    }
  }
  std::vector<std::uint16_t> result;
  for (const float value : reduce_values(values, operation)) {
    std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
    bits += 0x7fff + ((bits >> 16) & 1);
    result.push_back(value != value ? std::uint16_t{0x7fff} : std::uint16_t(bits >> 16));
  }
  return bytes_of(result);
}

}  // namespace

std::size_t size_of(ncclDataType_t type) {
  switch (type) {
    case ncclInt8:
    case ncclUint8:
      return 1;
    case ncclBfloat16:
      return 2;
    case ncclInt32:
    case ncclUint32:
    case ncclFloat32:
      return 4;
    case ncclInt64:
    case ncclUint64:
    case ncclFloat64:
      return 8;
    default:
      return 0;
  }
}

Bytes reduce(const std::vector<Bytes>& parts, ncclDataType_t type, ncclRedOp_t operation) {
  switch (type) {
    case ncclInt8:
      return reduce_as<std::int8_t>(parts, operation);
    case ncclUint8:
      return reduce_as<std::uint8_t>(parts, operation);
    case ncclBfloat16:
      return reduce_bf16(parts, operation);
    case ncclInt32:
      return reduce_as<std::int32_t>(parts, operation);
    case ncclUint32:
      return reduce_as<std::uint32_t>(parts, operation);
    case ncclInt64:
      return reduce_as<std::int64_t>(parts, operation);
    case ncclUint64:
      return reduce_as<std::uint64_t>(parts, operation);
    case ncclFloat64:
      return reduce_as<double>(parts, operation);
    default:
      return reduce_as<float>(parts, operation);
  }
}

}  // namespace resnext::standin
