#pragma once
// The 64-bit FNV-1a hash, for naming things by their contents.

#include <cstdint>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace resnext::data {

class Fnv1a {
 public:
  void add_byte(std::uint8_t byte) { state_ = (state_ ^ byte) * 0x100000001b3u; }
  /// The text and a zero byte, so that {"ab", "c"} differs from {"a", "bc"}.
  void add(std::string_view text) {
    for (const char c : text) add_byte(static_cast<std::uint8_t>(c));
    add_byte(0);
  }
  /// Little-endian.
  template <typename Unsigned>
  void add_number(Unsigned value) {
    for (unsigned shift = 0; shift < 8 * sizeof(value); shift += 8)
      add_byte(static_cast<std::uint8_t>(value >> shift));
  }
  std::string hex() const { return fmt::format("{:016x}", state_); }

 private:
  std::uint64_t state_ = 0xcbf29ce484222325u;
};

}  // namespace resnext::data
