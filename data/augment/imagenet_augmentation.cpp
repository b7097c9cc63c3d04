#include "data/augment/imagenet_augmentation.h"

#include <array>
#include <cstddef>
#include <stdexcept>

#include "data/augment/random_sized_crop.h"

namespace resnext::data {
namespace {

constexpr double kJitterRange = 0.4, kLightingDeviation = 0.1;

/// Over the red, green and blue planes. In double precision, as Torch's mean of a FloatTensor, and
/// in several sums, which the compiler turns into vector instructions.
double mean_grey(std::span<const float> planes) {
  constexpr std::size_t kLanes = 8;
  const std::size_t plane = planes.size() / 3;
  double mean = 0;
  for (std::size_t c = 0; c < 3; ++c) {
    const float* const values = planes.data() + c * plane;
    std::array<double, kLanes> sums{};
    std::size_t i = 0;
    for (; i + kLanes <= plane; i += kLanes)
      for (std::size_t lane = 0; lane < kLanes; ++lane) sums[lane] += values[i + lane];
    for (; i < plane; ++i) sums[0] += values[i];
    double sum = 0;
    for (const double lane : sums) sum += lane;
    mean += kGreyWeights[c] * sum / static_cast<double>(plane);
  }
  return mean;
}

/// In place, from intensities in [0, 255] to normalised values.
void adjust_and_normalise(const ColourDraws& colour, const Normalisation& normalisation,
                          std::span<float> planes) {
  const ColourBlend blend = combine(colour.jitter);
  const std::array<double, 3> light = lighting_shift(colour.lighting);
  const double mean = mean_grey(planes) / 255;
  std::array<float, 3> of_value{}, of_grey{}, shift{}, weight{};
  for (int c = 0; c < 3; ++c) {
    const double deviation = normalisation.deviation(c);
    of_value[c] = static_cast<float>(blend.value / (255 * deviation));
    of_grey[c] = static_cast<float>(blend.grey / (255 * deviation));
    shift[c] =
        static_cast<float>((blend.mean_grey * mean + light[c] - normalisation.mean(c)) / deviation);
    weight[c] = static_cast<float>(kGreyWeights[c]);
  }
  const std::size_t plane = planes.size() / 3;
  float* const red = planes.data();
  float* const green = red + plane;
  float* const blue = green + plane;
  for (std::size_t i = 0; i < plane; ++i) {
    const float grey = weight[0] * red[i] + weight[1] * green[i] + weight[2] * blue[i];
    red[i] = of_value[0] * red[i] + of_grey[0] * grey + shift[0];
    green[i] = of_value[1] * green[i] + of_grey[1] * grey + shift[1];
    blue[i] = of_value[2] * blue[i] + of_grey[2] * grey + shift[2];
  }
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
  resize_bicubic(image, plan, scratch, output);
  adjust_and_normalise(*draws.colour, normalisation, output);
}

}  // namespace resnext::data
