#include "data/crc32.h"

#include <bit>

#include <zlib.h>

namespace resnext::data {

namespace {

static_assert(std::endian::native == std::endian::little,
              "checksums are over little-endian values");

template <typename T>
std::uint32_t over_bytes(std::span<const T> values, std::uint32_t before) {
  const auto bytes = std::as_bytes(values);
  return crc32({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, before);
}

}  // namespace

std::uint32_t crc32(std::span<const std::uint8_t> bytes, std::uint32_t before) {
  // zlib takes a null pointer as a request to start over.
  if (bytes.empty()) return before;
  return static_cast<std::uint32_t>(::crc32_z(before, bytes.data(), bytes.size()));
}

std::uint32_t crc32(std::span<const std::int32_t> values, std::uint32_t before) {
  return over_bytes(values, before);
}

std::uint32_t crc32(std::span<const std::uint32_t> values, std::uint32_t before) {
  return over_bytes(values, before);
}

std::uint32_t crc32(std::span<const std::uint64_t> values, std::uint32_t before) {
  return over_bytes(values, before);
}

}  // namespace resnext::data
