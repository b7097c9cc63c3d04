#pragma once
// EXIF orientation: how a camera says that its picture is to be turned.

#include <cstdint>
#include <span>

#include "data/decode/image.h"

namespace resnext::data {

/// The orientation, 1 (upright) to 8, from the contents of a JPEG's APP1 segment; 1 where there is
/// none or the segment is malformed.
int exif_orientation(std::span<const std::uint8_t> app1);

/// Whether turning upright exchanges height and width.
bool shows_sideways(int orientation);

/// Turns and mirrors the image upright.
void apply_orientation(int orientation, Image& image);

}  // namespace resnext::data
