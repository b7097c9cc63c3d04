#include "data/decode/exif.h"

#include <algorithm>
#include <string_view>

namespace resnext::data {

namespace {

/// Reads the TIFF structure inside EXIF, in its byte order; beyond the end all is 0.
class TiffReader {
 public:
  explicit TiffReader(std::span<const std::uint8_t> bytes)
      : bytes_(bytes), big_endian_(bytes.size() > 1 && bytes[0] == 'M' && bytes[1] == 'M') {}

  std::uint32_t integer(std::size_t at, std::size_t size) const {
    if (at > bytes_.size() || size > bytes_.size() - at) return 0;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < size; ++i)
      value = value << 8 | bytes_[at + (big_endian_ ? i : size - 1 - i)];
    return value;
  }

 private:
  std::span<const std::uint8_t> bytes_;
  bool big_endian_;
};

constexpr std::uint32_t kOrientationTag = 0x0112;
constexpr std::uint32_t kTypeShort = 3;

}  // namespace

int exif_orientation(std::span<const std::uint8_t> app1) {
  constexpr std::string_view kStart("Exif\0\0", 6);
  if (app1.size() < kStart.size() || !std::equal(kStart.begin(), kStart.end(), app1.begin()))
    return 1;
  const TiffReader tiff(app1.subspan(kStart.size()));
  if (tiff.integer(2, 2) != 42) return 1;
  const std::size_t directory = tiff.integer(4, 4);
  const std::uint32_t entries = tiff.integer(directory, 2);
  for (std::uint32_t i = 0; i < entries; ++i) {
    const std::size_t entry = directory + 2 + std::size_t(12) * i;
    if (tiff.integer(entry, 2) != kOrientationTag) continue;
    const std::uint32_t value = tiff.integer(entry + 8, 2);
    const bool valid = tiff.integer(entry + 2, 2) == kTypeShort && value >= 1 && value <= 8;
    return valid ? static_cast<int>(value) : 1;
  }
  return 1;
}

bool shows_sideways(int orientation) {
  return orientation >= 5 && orientation <= 8;
}

void apply_orientation(int orientation, Image& image) {
  if (orientation <= 1 || orientation > 8) return;
  const bool swap_axes = shows_sideways(orientation);
  // After a possible swap of the axes, these say which of the stored axes run backwards.
  const bool flip_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool flip_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  Image upright;
  upright.resize(swap_axes ? image.width : image.height, swap_axes ? image.height : image.width,
                 image.channels);
  const auto channels = static_cast<std::size_t>(image.channels);
  std::uint8_t* out = upright.pixels.data();
  for (int y = 0; y < upright.height; ++y)
    for (int x = 0; x < upright.width; ++x) {
      const int along_x = swap_axes ? y : x, along_y = swap_axes ? x : y;
      const int from_x = flip_x ? image.width - 1 - along_x : along_x;
      const int from_y = flip_y ? image.height - 1 - along_y : along_y;
      const std::size_t pixel = std::size_t(from_y) * image.width + from_x;
      out = std::copy_n(image.pixels.data() + pixel * channels, channels, out);
    }
  image = std::move(upright);
}

}  // namespace resnext::data
