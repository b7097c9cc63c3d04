#include "data/augment/crop.h"

#include <stdexcept>

#include <fmt/format.h>

namespace resnext::data {

Extent scale_shorter_side(const Extent& image, int shorter) {
  const auto [height, width] = image;
  if ((width <= height && width == shorter) || (height <= width && height == shorter)) return image;
  const double h = height, w = width;
  if (width < height) return {static_cast<int>(h / w * shorter), shorter};
  return {shorter, static_cast<int>(w / h * shorter)};
}

Window centre_window(const Extent& image, int crop) {
  return {(image.height - crop + 1) / 2, (image.width - crop + 1) / 2, crop, crop};
}

ResizePlan centre_crop(const Extent& image, int shorter, int crop) {
  if (crop > shorter)
    throw std::invalid_argument(
        fmt::format("a crop of {} pixels from a shorter side of {}", crop, shorter));
  const Extent resized = scale_shorter_side(image, shorter);
  const Window source{0, 0, image.height, image.width};
  return {source, resized.height, resized.width, centre_window(resized, crop), false};
}

}  // namespace resnext::data
