#pragma once
// Bicubic resizing as Torch7's image.scale(…, 'bicubic') does it, which the published training code
// uses: Catmull-Rom (a = -0.5), corners aligned (output i samples input i * (in - 1) / (out - 1)),
// no antialiasing when shrinking, and beyond the edges the image continues linearly.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "data/augment/pixel_kernels.h"
#include "data/decode/image.h"
#include "data/decode/window.h"

namespace resnext::data {

/// What to compute: the window `source` of an image is resized to height x width, and of that the
/// window `part` is written, mirrored left to right if `mirror`. Pixels outside `source` are not
/// looked at; pixels outside `part` cost nothing.
struct ResizePlan {
  Window source;
  int height = 0, width = 0;
  Window part;
  bool mirror = false;
};

/// Working memory of one thread, reused between calls.
struct ResizeScratch {
  std::vector<ColumnTaps> columns;
  std::vector<float> row;  ///< one output row before horizontal resizing
};

/// The pixels of the image that the plan looks at; at most its `source`, of which part of a resized
/// image may need but a part.
Window pixels_read(const ResizePlan& plan);

/// Throws std::invalid_argument where a window of the plan does not fit.
void check_plan(const Image& image, const ResizePlan& plan);

/// Writes planes of plan.part.height x plan.part.width values, one a channel: the map of the
/// resized image, which is in the pixels' units, as floats that may lie beyond [0, 255]. Throws
/// std::invalid_argument where a window or the output does not fit.
void resize_bicubic(const Image& image, const ResizePlan& plan, const ChannelMap& map,
                    const PixelKernels& kernels, ResizeScratch& scratch, std::span<float> output);

}  // namespace resnext::data
