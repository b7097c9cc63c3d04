#pragma once
// The two ImageNet recipes, with what is drawn at random apart from what is done with it: the
// paper's text ("imagenet": crop, flip) and the published code ("imagenet-colour": crop, colour
// jitter, lighting, flip).

#include <optional>
#include <span>

#include "data/augment/colour_jitter.h"
#include "data/augment/crop.h"
#include "data/augment/lighting.h"
#include "data/augment/normalise.h"
#include "data/augment/resize.h"
#include "data/decode/image.h"
#include "data/random.h"

namespace resnext::data {

struct ColourDraws {
  ColourJitter jitter;
  LightingAlphas lighting{};
};

/// What is drawn for one image.
struct ImageNetDraws {
  bool mirror = false;
  std::optional<Window> crop;  ///< nullopt: none fitted; the centre of the image is taken
  std::optional<ColourDraws> colour;
};

/// In this order: flip, crop, and with `colour` the order and the alphas of the jitter (range 0.4
/// each), then the lighting (deviation 0.1).
ImageNetDraws draw_imagenet(const Extent& image, bool colour, Draws& draws);

/// How the crop, or else the centre, becomes size x size pixels, mirrored if drawn so.
ResizePlan plan_imagenet(const Extent& image, const ImageNetDraws& draws, int size);

/// Crops, resizes to size x size (bicubic), adjusts colours, normalises and flips: (C, size, size)
/// in `output`. Throws std::invalid_argument for a crop or an output that does not fit, and for
/// colour adjustments of a grey image.
void apply_imagenet(const Image& image, const ImageNetDraws& draws, int size,
                    const Normalisation& normalisation, ResizeScratch& scratch,
                    std::span<float> output);

}  // namespace resnext::data
