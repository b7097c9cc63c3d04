#pragma once
// The crops that are not drawn at random, in the published Torch code's arithmetic: Scale,
// CenterCrop.

#include "data/augment/resize.h"
#include "data/decode/window.h"

namespace resnext::data {

/// The size that Scale(shorter) brings an image to: the shorter side to `shorter`, the longer in
/// proportion, cut to whole pixels. As in the published code that is h / w * shorter in double
/// precision, which for some sizes is a pixel less than the exact proportion; an image whose
/// shorter side is that already keeps its size.
Extent scale_shorter_side(const Extent& image, int shorter);

/// CenterCrop(crop) of an image at least that large: the odd pixel goes to the left and to the top.
Window centre_window(const Extent& image, int crop);

/// Scale(shorter), then CenterCrop(crop). Throws std::invalid_argument when crop > shorter.
ResizePlan centre_crop(const Extent& image, int shorter, int crop);

}  // namespace resnext::data
