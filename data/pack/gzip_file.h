#pragma once
// Reading whole files, compressed with gzip or not.

#include <cstdint>
#include <string>
#include <vector>

namespace resnext::data {

/// The contents of `path`, unpacked if it is a gzip file. Throws std::runtime_error naming it when
/// it cannot be read, is damaged or ends too early.
std::vector<std::uint8_t> read_maybe_gzipped(const std::string& path);

}  // namespace resnext::data
