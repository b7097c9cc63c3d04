#pragma once
// CRC-32 as zlib and Python's zlib.crc32 compute it.

#include <cstdint>
#include <span>

namespace resnext::data {

/// The checksum of `bytes`, continuing from that of the bytes before them.
std::uint32_t crc32(std::span<const std::uint8_t> bytes, std::uint32_t before = 0);

/// Continues with the values' bytes in little-endian order.
std::uint32_t crc32(std::span<const std::int32_t> values, std::uint32_t before);
std::uint32_t crc32(std::span<const std::uint32_t> values, std::uint32_t before);
std::uint32_t crc32(std::span<const std::uint64_t> values, std::uint32_t before);

}  // namespace resnext::data
