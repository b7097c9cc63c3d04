#include "data/augment/imagenet_augmentation.h"

#include <array>
#include <cstddef>
#include <stdexcept>

#include "data/augment/random_sized_crop.h"

namespace resnext::data {
namespace {

constexpr double kJitterRange = 0.4, kLightingDeviation = 0.1;

/// Over the planes of a channel each. In double precision, as Torch's mean of a FloatTensor.
double mean_grey(const PixelKernels& kernels, std::span<const float> planes) {
  const std::size_t plane = planes.size() / 3;
  double mean = 0;
  for (std::size_t c = 0; c < 3; ++c)
    mean += kGreyWeights[c] * kernels.sum(planes.data() + c * plane, plane) /
            static_cast<double>(plane);
  return mean;
}

/// From intensities in [0, 255], whose mean grey is that of `mean_grey`, to normalised values.
ColourMap map_of(const ColourDraws& colour, double mean_grey, const Normalisation& normalisation) {
  const ColourBlend blend = combine(colour.jitter);
  const std::array<double, 3> light = lighting_shift(colour.lighting);
  ColourMap map;
  for (int c = 0; c < 3; ++c) {
    const double deviation = normalisation.deviation(c);
    const double constant = blend.mean_grey * mean_grey / 255 + light[c] - normalisation.mean(c);
    map.of_value[c] = static_cast<float>(blend.value / (255 * deviation));
    map.of_grey[c] = static_cast<float>(blend.grey / (255 * deviation));
    map.shift[c] = static_cast<float>(constant / deviation);
    map.weight[c] = static_cast<float>(kGreyWeights[c]);
  }
  return map;
}

}  // namespace

ImageNetDraws draw_imagenet(const Extent& image, bool colour, Draws& draws) {
  ImageNetDraws drawn;
  drawn.mirror = draws.coin();
  drawn.crop = draw_random_sized_crop(image, draws);
  if (colour) {
    ColourDraws& colours = drawn.colour.emplace();
    colours.jitter = draw_colour_jitter(kJitterRange, draws);
    colours.lighting = draw_lighting(kLightingDeviation, draws);
  }
  return drawn;
}

ResizePlan plan_imagenet(const Extent& image, const ImageNetDraws& draws, int size) {
  ResizePlan plan = draws.crop ? ResizePlan{*draws.crop, size, size, {0, 0, size, size}}
                               : centre_crop(image, size, size);
  plan.mirror = draws.mirror;
  return plan;
}

void apply_imagenet(const Image& image, const ImageNetDraws& draws, int size,
                    const Normalisation& normalisation, ResizeScratch& scratch,
                    std::span<float> output) {
  const ResizePlan plan = plan_imagenet({image.height, image.width}, draws, size);
  if (!draws.colour) return write_normalised(image, plan, normalisation, scratch, output);
  check_output(image, plan, normalisation, output.size());
  if (image.channels != 3)
    throw std::invalid_argument(
        "augmentation 'imagenet-colour' adjusts colours: not of grey images");
  const PixelKernels& kernels = normalisation.kernels();
  resize_bicubic(image, plan, {}, kernels, scratch, output);
  const ColourMap map = map_of(*draws.colour, mean_grey(kernels, output), normalisation);
  const std::size_t plane = output.size() / 3;
  float* const red = output.data();
  kernels.adjust_colours(map, red, red + plane, red + 2 * plane, plane);
}

}  // namespace resnext::data
