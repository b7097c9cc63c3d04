#include "worker/finite.h"

#include <bit>
#include <cstdint>

namespace resnext::worker {

bool all_finite(std::span<const float> values) {
  constexpr std::uint32_t kExponent = 0x7F800000;  // all ones in infinities and NaNs alone
  std::uint32_t found = 0;                         // no early end, so that it is vectorised
  for (const float value : values) {
    const bool finite = (std::bit_cast<std::uint32_t>(value) & kExponent) != kExponent;
    found |= finite ? 0U : 1U;
  }
  return found == 0;
}

}  // namespace resnext::worker
