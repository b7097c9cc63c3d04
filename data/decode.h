#pragma once
// Compressed image files to RGB.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "data/image.h"

namespace resnext::data {

/// Largest image decoded at its own size; above it JPEGs are scaled down while decoding, and PNGs are
/// reduced row by row, so that memory stays bounded.
inline constexpr std::size_t kMaxDecodedPixels = std::size_t(64) << 20;

/// Decodes a JPEG or PNG (told apart by its first bytes, not its name) into three-channel RGB:
/// grey, palette, CMYK/YCCK, alpha (composed on white) and 16-bit images are converted, and EXIF
/// orientation is applied as data/README.md documents. Throws std::runtime_error saying what is
/// wrong with the bytes (not which file: the caller knows).
void decode_image(std::span<const std::uint8_t> bytes, Image& image);

}  // namespace resnext::data
