#include "data/crop.h"

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

ResizePlan centre_crop(const Extent& image, int shorter, int crop) {
  if (crop > shorter)
    throw std::invalid_argument(
        fmt::format("a crop of {} pixels from a shorter side of {}", crop, shorter));
  const auto [height, width] = scale_shorter_side(image, shorter);
  ResizePlan plan;
  plan.source = {0, 0, image.height, image.width};
  plan.height = height;
  plan.width = width;
  plan.part = {(height - crop + 1) / 2, (width - crop + 1) / 2, crop, crop};
  return plan;
}

}  // namespace resnext::data
