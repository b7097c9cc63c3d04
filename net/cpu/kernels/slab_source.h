// Copies activations into a slab (see correlation.h), through what is still due on them. See
// vector.h for how this is compiled.
#pragma once

#include "net/cpu/kernels/correlation.h"
#include "net/cpu/kernels/vector.h"

namespace resnext::net::cpu::RESNEXT_KERNEL_NAMESPACE {
namespace {

enum class Reading { kPlain, kAffine, kAffineRelu, kGradient };

inline Reading reading_of(const Operand& operand) {
  if (operand.scale == nullptr) return Reading::kPlain;
  if (operand.second != nullptr) return Reading::kGradient;
  return operand.relu ? Reading::kAffineRelu : Reading::kAffine;
}

/// What is due on some vectors of channels, in registers.
template <typename Stored, Reading R>
class ChannelReader {
 public:
  ChannelReader(const Operand& operand, int c)
      : values_(static_cast<const Stored*>(operand.values) + c),
        second_(R == Reading::kGradient ? static_cast<const Stored*>(operand.second) + c
                                        : nullptr) {
    if constexpr (R == Reading::kPlain) return;
    scale_ = load(operand.scale + c);
    shift_ = load(operand.shift + c);
    if constexpr (R == Reading::kGradient) second_scale_ = load(operand.second_scale + c);
  }

  /// The vector of the pixel whose first channel is at `at`.
  Vector read(std::size_t at) const {
    const Vector x = load(values_ + at);
    if constexpr (R == Reading::kPlain) return x;
    Vector y = x * scale_ + shift_;
    if constexpr (R == Reading::kGradient) y += load(second_ + at) * second_scale_;
    if constexpr (R == Reading::kAffineRelu) y = positive_part(y);
    return y;
  }

 private:
  const Stored* values_;
  const Stored* second_;
  Vector scale_ = {}, shift_ = {}, second_scale_ = {};
};

/// One vector of an operand: values of channels c and following of the pixel at `at`.
template <typename Stored, Reading R>
inline Vector read_vector(const Operand& operand, std::size_t at, int c) {
  return ChannelReader<Stored, R>(operand, c).read(at);
}

/// Copies `channels` channels from `c` of the pixel at `at`. Writes whole vectors: up to a vector
/// beyond the last channel.
template <typename Stored, Reading R>
inline void copy_pixel(const Operand& operand, std::size_t at, int c, int channels, float* to) {
  for (int k = 0; k < channels; k += kLanes) {
    store(to + k, read_vector<Stored, R>(operand, at, c + k));
  }
}

/// Pixels in a row of an operand (`step` values apart) and of a slab.
struct PixelRow {
  std::size_t from;
  std::size_t from_step;
  float* to;
  std::ptrdiff_t to_step;
  int count;
};

/// V vectors of each pixel.
template <typename Stored, Reading R, int V>
inline void copy_vectors(const Operand& operand, int c, const PixelRow& row) {
  const ChannelReader<Stored, R> first(operand, c);
  std::size_t from = row.from;
  float* to = row.to;
  if constexpr (V == 1) {
    for (int x = 0; x < row.count; ++x, from += row.from_step, to += row.to_step) {
      store(to, first.read(from));
    }
  } else {
    const ChannelReader<Stored, R> second(operand, c + kLanes);
    for (int x = 0; x < row.count; ++x, from += row.from_step, to += row.to_step) {
      store(to, first.read(from));
      store(to + kLanes, second.read(from));
    }
  }
}

/// Copies `channels` channels of each pixel of a row. Few are kept in registers with what is due on
/// them; of many a pixel's are copied at once, as memory likes it.
template <typename Stored, Reading R>
inline void copy_row(const Operand& operand, int c, int channels, const PixelRow& row) {
  if (channels <= kLanes) return copy_vectors<Stored, R, 1>(operand, c, row);
  if (channels <= 2 * kLanes) return copy_vectors<Stored, R, 2>(operand, c, row);
  for (int x = 0; x < row.count; ++x) {
    copy_pixel<Stored, R>(operand, row.from + x * row.from_step, c, channels,
                          row.to + x * row.to_step);
  }
}

inline void clear(float* to, std::ptrdiff_t count) {
  for (std::ptrdiff_t i = 0; i < count; ++i) to[i] = 0.0F;
}

/// What of the inputs goes into a slab.
struct SlabFill {
  int image;
  int first_row;  ///< of the outputs
  int rows;       ///< of the outputs
  int channel;    ///< first input channel
  int channels;   ///< of each group
  int groups;
};

template <typename Stored, Reading R>
void fill_row(const CorrelationPlan& plan, const Operand& operand, const SlabFill& fill, int in_row,
              float* to) {
  const CorrelationShape& s = plan.shape;
  const int left = s.left > 0 ? s.left : 0, skipped = left - s.left;
  const int existing = (s.in_width + plan.fill_step - 1) / plan.fill_step;
  const int available = existing > skipped ? existing - skipped : 0;
  const int fitting = plan.slab_width - left;
  const int columns = fitting < available ? fitting : available;
  const std::ptrdiff_t pixel = plan.pixel;
  const std::size_t row_start =
      (std::size_t(fill.image) * s.in_height + std::size_t(in_row) * plan.fill_step) * s.in_width;
  for (int g = 0; g < fill.groups; ++g) {
    float* row = to + g * plan.group_values;
    const int c = fill.channel + g * plan.group_inputs;
    clear(row, left * pixel);
    copy_row<Stored, R>(
        operand, c, fill.channels,
        PixelRow{(row_start + std::size_t(skipped) * plan.fill_step) * s.in_channels,
                 std::size_t(plan.fill_step) * s.in_channels, row + left * pixel, pixel, columns});
    clear(row + (left + columns) * pixel, (fitting - columns) * pixel);
  }
}

template <typename Stored, Reading R>
void fill_slab_rows(const CorrelationPlan& plan, const Operand& operand, const SlabFill& fill,
                    float* slab) {
  const CorrelationShape& s = plan.shape;
  const int in_rows = (s.in_height + plan.fill_step - 1) / plan.fill_step;
  const int needed = (fill.rows - 1) * s.stride + s.kernel_height;
  const std::ptrdiff_t row_values = std::ptrdiff_t(plan.slab_width) * plan.pixel;
  for (int r = 0; r < needed; ++r) {
    const int in_row = fill.first_row * s.stride + r - s.top;
    float* to = slab + r % s.stride * plan.parity_values + r / s.stride * row_values;
    const bool exists = in_row >= 0 && in_row < in_rows;
    if (exists) fill_row<Stored, R>(plan, operand, fill, in_row, to);
    for (int g = 0; g < fill.groups; ++g) {
      float* row = to + g * plan.group_values;
      if (!exists) clear(row, row_values);
      // Kernels leave the last row on its right.
      if (r + s.stride >= needed) clear(row + row_values, (s.kernel_width + s.stride) * plan.pixel);
    }
  }
}

template <typename Stored>
void fill_slab(const CorrelationPlan& plan, const Operand& operand, const SlabFill& fill,
               float* slab) {
  switch (reading_of(operand)) {
    case Reading::kPlain:
      return fill_slab_rows<Stored, Reading::kPlain>(plan, operand, fill, slab);
    case Reading::kAffine:
      return fill_slab_rows<Stored, Reading::kAffine>(plan, operand, fill, slab);
    case Reading::kAffineRelu:
      return fill_slab_rows<Stored, Reading::kAffineRelu>(plan, operand, fill, slab);
    case Reading::kGradient:
      return fill_slab_rows<Stored, Reading::kGradient>(plan, operand, fill, slab);
  }
}

inline void fill_slab(const CorrelationPlan& plan, const Operand& operand, const SlabFill& fill,
                      float* slab) {
  if (operand.precision == Precision::kBf16) return fill_slab<Bfloat16>(plan, operand, fill, slab);
  fill_slab<float>(plan, operand, fill, slab);
}

}  // namespace
}  // namespace resnext::net::cpu::RESNEXT_KERNEL_NAMESPACE
