#include "data/augment/random_sized_crop.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace resnext::data {

std::optional<Window> draw_random_sized_crop(const Extent& image, Draws& draws) {
  const double area = static_cast<double>(image.height) * image.width;
  for (int attempt = 0; attempt < 10; ++attempt) {
    const double target = draws.uniform(0.08, 1.0) * area;
    const double aspect = draws.uniform(3.0 / 4, 4.0 / 3);
    // Tiny images would round to no pixels at all.
    double width = std::max(1.0, std::floor(std::sqrt(target * aspect) + 0.5));
    double height = std::max(1.0, std::floor(std::sqrt(target / aspect) + 0.5));
    if (draws.coin()) std::swap(width, height);
    if (height > image.height || width > image.width) continue;
    Window crop;
    crop.height = static_cast<int>(height);
    crop.width = static_cast<int>(width);
    crop.y = static_cast<int>(draws.below(image.height - crop.height + 1));
    crop.x = static_cast<int>(draws.below(image.width - crop.width + 1));
    return crop;
  }
  return std::nullopt;
}

}  // namespace resnext::data
