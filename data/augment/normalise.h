#pragma once
// From 8-bit pixels to the network's inputs: (pixel / 255 - mean) / deviation, as float planes.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "data/augment/resize.h"
#include "data/decode/image.h"

namespace resnext::data {

/// Mean and standard deviation of each channel, in units of full intensity (255).
struct ChannelStatistics {
  std::vector<float> mean;
  std::vector<float> deviation;
};

/// The affine map of each channel, and the kernels that pixels are computed with on the way there.
/// Immutable, so any number of threads may use one.
class Normalisation {
 public:
  /// Throws std::invalid_argument unless there are 1 or 3 means, as many deviations, and all of
  /// these positive; and as pixel_kernels() does.
  explicit Normalisation(const ChannelStatistics& statistics,
                         const PixelKernels& kernels = pixel_kernels());

  int channels() const { return static_cast<int>(statistics_.mean.size()); }

  double mean(int channel) const { return statistics_.mean[channel]; }
  double deviation(int channel) const { return statistics_.deviation[channel]; }

  /// Takes over `pixels` pixels (interleaved channels), mirrored if `mirror`; channel c of pixel x
  /// goes to to[c * plane + x]. Each value is the float nearest to the exact one.
  void take_row(const std::uint8_t* from, int pixels, bool mirror, float* to,
                std::size_t plane) const;

  /// From intensities in [0, 255], not necessarily whole or inside.
  const ChannelMap& map() const { return map_; }

  const PixelKernels& kernels() const { return *kernels_; }

 private:
  ChannelStatistics statistics_;
  const PixelKernels* kernels_;
  ChannelMap map_;
  std::vector<std::array<float, 256>> tables_;  ///< by channel and pixel value
};

/// Throws std::invalid_argument unless `output` has the plan's part in the normalisation's
/// channels, and the image these channels, too.
void check_output(const Image& image, const ResizePlan& plan, const Normalisation& normalisation,
                  std::size_t output);

/// Writes what `plan` wants of the image, normalised, as (C, part.height, part.width). Where the
/// plan changes no size, pixels are taken over (see Normalisation::take_row); else resized
/// (bicubic), in floats that are neither rounded nor clamped.
void write_normalised(const Image& image, const ResizePlan& plan,
                      const Normalisation& normalisation, ResizeScratch& scratch,
                      std::span<float> output);

}  // namespace resnext::data
