#pragma once
// PNG files to RGB, through libpng.

#include <cstddef>
#include <cstdint>
#include <span>

#include "data/decode/image.h"

namespace resnext::data {

/// As decode_image(). Above `max_pixels` the image is reduced by the smallest whole factor that is
/// enough, each output pixel the mean of a square of input pixels; only one row of the full size is
/// held. Interlaced PNGs of that size cannot be read so and are refused.
void decode_png(std::span<const std::uint8_t> bytes, std::size_t max_pixels, Image& image);

}  // namespace resnext::data
