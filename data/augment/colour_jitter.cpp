#include "data/augment/colour_jitter.h"

#include <utility>

namespace resnext::data {

ColourJitter draw_colour_jitter(double range, Draws& draws) {
  ColourJitter jitter;
  for (std::size_t left = jitter.order.size(); left > 1; --left)  // Fisher and Yates's shuffle
    std::swap(jitter.order[left - 1], jitter.order[draws.below(left)]);
  for (double* alpha : {&jitter.brightness, &jitter.contrast, &jitter.saturation})
    *alpha = 1 + draws.uniform(-range, range);
  return jitter;
}

ColourBlend combine(const ColourJitter& jitter) {
  ColourBlend blend;
  for (const Adjustment adjustment : jitter.order) {
    auto& [value, grey, mean_grey] = blend;
    // The grey weights add up to 1, so a pixel's grey is now (value + grey) * g + mean_grey * m,
    // and the image's mean grey (value + grey + mean_grey) * m.
    const double of_grey = value + grey, of_mean = value + grey + mean_grey;
    if (adjustment == Adjustment::kSaturation) {
      const double alpha = jitter.saturation;
      value *= alpha;
      grey = alpha * grey + (1 - alpha) * of_grey;
    } else {
      const bool contrast = adjustment == Adjustment::kContrast;
      const double alpha = contrast ? jitter.contrast : jitter.brightness;
      value *= alpha;
      grey *= alpha;
      mean_grey = alpha * mean_grey + (contrast ? (1 - alpha) * of_mean : 0.0);
    }
  }
  return blend;
}

}  // namespace resnext::data
