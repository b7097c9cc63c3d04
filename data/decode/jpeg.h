#pragma once
// JPEG files to RGB, through libjpeg-turbo.

#include <cstddef>
#include <cstdint>
#include <span>

#include "data/decode/decode.h"
#include "data/decode/image.h"

namespace resnext::data {

/// As decode_image(). Above `max_pixels` the image is scaled down by 7/8, 6/8, ... or 1/8 while
/// decoding, whichever is enough; these and images that EXIF turns are computed as a whole whatever
/// the region, and progressive ones in their whole width. Files that end too early are errors, not
/// filled with grey.
void decode_jpeg(std::span<const std::uint8_t> bytes, std::size_t max_pixels,
                 const RegionChoice& choose, Image& image);

}  // namespace resnext::data
