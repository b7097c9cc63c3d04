#include "data/augment/normalise.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

namespace resnext::data {

Normalisation::Normalisation(const ChannelStatistics& statistics, const PixelKernels& kernels)
    : statistics_(statistics), kernels_(&kernels) {
  const auto& [mean, deviation] = statistics_;
  if ((mean.size() != 1 && mean.size() != 3) || deviation.size() != mean.size())
    throw std::invalid_argument(
        fmt::format("normalisation by {} means and {} deviations; images have 1 or 3 channels",
                    mean.size(), deviation.size()));
  tables_.resize(mean.size());
  for (std::size_t c = 0; c < mean.size(); ++c) {
    if (!(deviation[c] > 0))
      throw std::invalid_argument(
          fmt::format("normalisation by a deviation of {}, which is not positive", deviation[c]));
    for (int value = 0; value < 256; ++value)
      tables_[c][value] = static_cast<float>((value / 255.0 - mean[c]) / deviation[c]);
    map_.scale[c] = static_cast<float>(1 / (255 * double(deviation[c])));
    map_.shift[c] = static_cast<float>(-double(mean[c]) / double(deviation[c]));
  }
}

void Normalisation::take_row(const std::uint8_t* from, int pixels, bool mirror, float* to,
                             std::size_t plane) const {
  const std::ptrdiff_t step = mirror ? -channels() : channels();
  if (mirror) from += std::ptrdiff_t(pixels - 1) * channels();
  for (int c = 0; c < channels(); ++c, to += plane) {
    const std::array<float, 256>& table = tables_[c];
    for (int x = 0; x < pixels; ++x) to[x] = table[from[c + x * step]];
  }
}

void check_output(const Image& image, const ResizePlan& plan, const Normalisation& normalisation,
                  std::size_t output) {
  if (image.channels != normalisation.channels())
    throw std::invalid_argument(
        fmt::format("an image of {} channels, normalised by statistics of {}", image.channels,
                    normalisation.channels()));
  const auto& [y, x, height, width] = plan.part;
  if (output != std::size_t(height) * width * image.channels)
    throw std::invalid_argument(fmt::format("a transform to {}x{}x{} was given {} floats of output",
                                            image.channels, height, width, output));
}

void write_normalised(const Image& image, const ResizePlan& plan,
                      const Normalisation& normalisation, ResizeScratch& scratch,
                      std::span<float> output) {
  check_output(image, plan, normalisation, output.size());
  if (plan.height != plan.source.height || plan.width != plan.source.width) {
    resize_bicubic(image, plan, normalisation.map(), normalisation.kernels(), scratch, output);
    return;
  }
  check_plan(image, plan);
  const Window& part = plan.part;
  const std::size_t stride = std::size_t(image.width) * image.channels;
  const std::size_t plane = std::size_t(part.height) * part.width;
  const std::uint8_t* const from = image.pixels.data() + (plan.source.y + part.y) * stride +
                                   std::size_t(plan.source.x + part.x) * image.channels;
  for (int y = 0; y < part.height; ++y)
    normalisation.take_row(from + y * stride, part.width, plan.mirror,
                           output.data() + std::size_t(y) * part.width, plane);
}

}  // namespace resnext::data
