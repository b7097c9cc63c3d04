#pragma once
// The published code's ColorJitter: brightness, contrast and saturation, each blended with a random
// weight, in random order, without clamping.

#include <array>

#include "data/random.h"

namespace resnext::data {

enum class Adjustment { kBrightness, kContrast, kSaturation };

/// What is drawn for one image. Each adjustment makes of a value v alpha * v + (1 - alpha) * w,
/// where w is 0 for brightness, the image's mean grey for contrast, and the pixel's grey for
/// saturation.
struct ColourJitter {
  std::array<Adjustment, 3> order = {Adjustment::kBrightness, Adjustment::kContrast,
                                     Adjustment::kSaturation};
  double brightness = 1, contrast = 1, saturation = 1;  ///< the alphas
};

/// Every order equally likely, each alpha uniform in [1 - range, 1 + range).
ColourJitter draw_colour_jitter(double range, Draws& draws);

/// Weights of red, green and blue in grey.
inline constexpr std::array<double, 3> kGreyWeights = {0.299, 0.587, 0.114};

/// All three adjustments at once: a value v of a pixel of grey g, in an image of mean grey m (both
/// before any adjustment), becomes value * v + grey * g + mean_grey * m. Exact, since no step
/// clamps and grey is linear; so one pass over the pixels does for the three, and the order they
/// are drawn in shows in the rounding alone.
struct ColourBlend {
  double value = 1, grey = 0, mean_grey = 0;
};

ColourBlend combine(const ColourJitter& jitter);

}  // namespace resnext::data
