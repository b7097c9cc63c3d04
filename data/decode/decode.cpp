#include "data/decode/decode.h"

#include <algorithm>
#include <stdexcept>
#include <string_view>

#include <fmt/format.h>

#include "data/decode/jpeg.h"
#include "data/decode/png.h"

namespace resnext::data {

namespace {

bool starts_with(std::span<const std::uint8_t> bytes, std::string_view start) {
  return bytes.size() >= start.size() &&
         std::equal(start.begin(), start.end(), bytes.begin(),
                    [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; });
}

}  // namespace

std::optional<ImageFormat> image_format(std::span<const std::uint8_t> bytes) {
  if (starts_with(bytes, "\xff\xd8\xff")) return ImageFormat::kJpeg;
  if (starts_with(bytes, "\x89PNG\r\n\x1a\n")) return ImageFormat::kPng;
  return std::nullopt;
}

std::string describe_unknown_format(std::span<const std::uint8_t> bytes) {
  if (bytes.empty()) return "empty file";
  if (starts_with(bytes, "GIF8")) return "a GIF, not a JPEG or PNG";
  if (starts_with(bytes, "RIFF")) return "a WebP, not a JPEG or PNG";
  if (starts_with(bytes, "BM")) return "a BMP, not a JPEG or PNG";
  if (starts_with(bytes, "II*") || starts_with(bytes, "MM")) return "a TIFF, not a JPEG or PNG";
  return "neither a JPEG nor a PNG";
}

void decode_image(std::span<const std::uint8_t> bytes, Image& image) {
  decode_image(bytes, whole_of, image);
}

void decode_image(std::span<const std::uint8_t> bytes, const RegionChoice& choose, Image& image) {
  const auto format = image_format(bytes);
  if (!format) throw std::runtime_error(describe_unknown_format(bytes));
  if (*format == ImageFormat::kJpeg)
    decode_jpeg(bytes, kMaxDecodedPixels, choose, image);
  else
    decode_png(bytes, kMaxDecodedPixels, image);
}

}  // namespace resnext::data
