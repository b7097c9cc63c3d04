#pragma once
// bf16, an fp32's upper half, one value at a time: for what is not worth a kernel.

#include <bit>
#include <cstddef>
#include <cstdint>

#include "net/precision.h"

namespace resnext::net::cpu {

/// To nearest, ties to even; what is not a number stays none.
inline std::uint16_t to_bf16(float value) {
  if (value != value) return 0x7fc0;
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return static_cast<std::uint16_t>((bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16);
}

inline float from_bf16(std::uint16_t bits) {
  return std::bit_cast<float>(std::uint32_t(bits) << 16);
}

inline std::size_t bytes_of(Precision precision) {
  return precision == Precision::kBf16 ? 2 : 4;
}

/// Values in a precision that is known at run time.
class StoredValues {
 public:
  StoredValues() = default;
  StoredValues(void* values, Precision precision) : values_(values), precision_(precision) {}

  float get(std::size_t i) const {
    return precision_ == Precision::kBf16 ? from_bf16(static_cast<std::uint16_t*>(values_)[i])
                                          : static_cast<float*>(values_)[i];
  }
  void set(std::size_t i, float value) const {
    if (precision_ == Precision::kBf16) {
      static_cast<std::uint16_t*>(values_)[i] = to_bf16(value);
    } else {
      static_cast<float*>(values_)[i] = value;
    }
  }

 private:
  void* values_ = nullptr;
  Precision precision_ = Precision::kFp32;
};

}  // namespace resnext::net::cpu
