#pragma once
// Compressed image files to RGB.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "data/decode/image.h"
#include "data/decode/window.h"

namespace resnext::data {

/// Largest image decoded at its own size (100 MB of RGB); above it JPEGs are scaled down while
/// decoding, and PNGs are reduced row by row, so that memory stays bounded.
inline constexpr std::size_t kMaxDecodedPixels = std::size_t(32) << 20;

enum class ImageFormat { kJpeg, kPng };

/// The format that the first bytes tell (whatever a file is called); nullopt for any other.
std::optional<ImageFormat> image_format(std::span<const std::uint8_t> bytes);

/// Why bytes that image_format() does not know are no image: "empty file", "a GIF, not a JPEG or
/// PNG", ...
std::string describe_unknown_format(std::span<const std::uint8_t> bytes);

/// Decodes a JPEG or PNG (told apart by its first bytes, not its name) into three-channel RGB:
/// grey, palette, CMYK/YCCK, alpha (composed on white) and 16-bit images are converted, and the
/// EXIF orientation of JPEGs is applied (data/README.md says why). Throws std::runtime_error saying
/// what is wrong with the bytes (not which file: the caller knows). Thread-safe.
void decode_image(std::span<const std::uint8_t> bytes, Image& image);

/// Given the size that the decoded image has, the pixels that are wanted of it.
using RegionChoice = std::function<Window(const Extent&)>;

/// As above, for who looks at a region only: of a JPEG no more is computed than that needs. `image`
/// has its full size, and in the region the same pixels as above; outside, pixels have any value.
/// Errors in the file are the same, wherever they lie: the compressed data is read to its end.
/// PNGs are decoded as a whole without asking. Throws std::invalid_argument for a region that
/// leaves the image.
void decode_image(std::span<const std::uint8_t> bytes, const RegionChoice& choose, Image& image);

}  // namespace resnext::data
