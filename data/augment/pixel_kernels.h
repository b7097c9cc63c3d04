#pragma once
// The inner loops between decoded pixels and the network's input. The same source is compiled for
// several instruction sets and the best one chosen at run time; all give the same bits, since none
// contracts a product and a sum into one operation and all sum in the same order.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace resnext::data {

/// What one output column reads of a row: four neighbouring pixels, from `first` on, and their
/// weights.
struct ColumnTaps {
  int first = 0;
  float weight[4] = {};
};

/// Of each channel: value * scale + shift.
struct ChannelMap {
  float scale[3] = {1, 1, 1};
  float shift[3] = {0, 0, 0};
};

/// What colour adjustments make of a pixel's channel: value * of_value + grey * of_grey + shift,
/// where grey is the sum of weight * value over the channels.
struct ColourMap {
  float of_value[3] = {}, of_grey[3] = {}, shift[3] = {}, weight[3] = {};
};

inline constexpr std::size_t kRowSlack = 1;

struct PixelKernels {
  std::string_view name;  ///< "avx512", "avx2" or "portable"

  /// row[i] = sum over the four input rows of weight * input[i].
  void (*blend_rows)(const std::uint8_t* const (&inputs)[4], const float (&weight)[4],
                     std::size_t count, float* row);

  /// Column x of channel c, at output[c * plane + x], becomes the map of the sum over its four taps
  /// of weight * row[pixel * channels + c]. In colour, kRowSlack floats behind the last pixel that
  /// a tap names must be readable.
  void (*blend_columns_rgb)(const float* row, const ColumnTaps* columns, std::size_t count,
                            const ChannelMap& map, float* output, std::size_t plane);
  void (*blend_columns_grey)(const float* row, const ColumnTaps* columns, std::size_t count,
                             const ChannelMap& map, float* output);

  /// The sum, in double precision.
  double (*sum)(const float* values, std::size_t count);

  /// Adjusts the colours of three planes, in place.
  void (*adjust_colours)(const ColourMap& map, float* red, float* green, float* blue,
                         std::size_t count);
};

/// The kernels for this machine, or those named by the environment variable RESNEXT_ISA (for tests
/// and comparisons). Throws std::runtime_error when that names a set this machine lacks.
const PixelKernels& pixel_kernels();

/// The kernels of one instruction set: "avx512", "avx2" or "portable".
const PixelKernels& pixel_kernels(const std::string& name);

}  // namespace resnext::data
