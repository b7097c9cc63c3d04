#pragma once
// The published code's scale-and-aspect crop (RandomSizedCrop; the paper's [38]).

#include <optional>

#include "data/augment/crop.h"
#include "data/augment/resize.h"
#include "data/random.h"

namespace resnext::data {

/// Draws a window of 8% to 100% of the image's area. Ten tries, each: area uniform in that range,
/// aspect ratio (width / height) uniform in [3/4, 4/3] (not its logarithm), with probability one
/// half width and height swapped; if the window fits, its place is uniform. nullopt if none fitted.
std::optional<Window> draw_random_sized_crop(const Extent& image, Draws& draws);

}  // namespace resnext::data
