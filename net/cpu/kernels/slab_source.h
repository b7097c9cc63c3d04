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

/// One vector of an operand: values of channels c and following at position `at`.
template <typename Stored, Reading R>
inline Vector read_vector(const Operand& operand, std::size_t at, int c) {
  const Vector x = load(static_cast<const Stored*>(operand.values) + at);
  if constexpr (R == Reading::kPlain) return x;
  Vector y = x * load(operand.scale + c) + load(operand.shift + c);
  if constexpr (R == Reading::kGradient) {
    y += load(static_cast<const Stored*>(operand.second) + at) * load(operand.second_scale + c);
  }
  if constexpr (R == Reading::kAffineRelu) y = positive_part(y);
  return y;
}

/// Copies `channels` channels from `c` of the pixel at `at`. Writes whole vectors: up to a vector
/// beyond the last channel.
template <typename Stored, Reading R>
inline void copy_pixel(const Operand& operand, std::size_t at, int c, int channels, float* to) {
  for (int k = 0; k < channels; k += kLanes) {
    store(to + k, read_vector<Stored, R>(operand, at + c + k, c + k));
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
  const int available = (s.in_width + plan.fill_step - 1) / plan.fill_step;
  const int fitting = plan.slab_width - s.left;
  const int columns = fitting < available ? fitting : available;
  const std::ptrdiff_t pixel = plan.pixel;
  const std::size_t row_start =
      (std::size_t(fill.image) * s.in_height + std::size_t(in_row) * plan.fill_step) * s.in_width;
  for (int g = 0; g < fill.groups; ++g) {
    float* row = to + g * plan.group_values;
    const int c = fill.channel + g * plan.group_inputs;
    clear(row, s.left * pixel);
    for (int x = 0; x < columns; ++x) {
      const std::size_t at =
          (row_start + std::size_t(x) * plan.fill_step) * std::size_t(s.in_channels);
      copy_pixel<Stored, R>(operand, at, c, fill.channels, row + (s.left + x) * pixel);
    }
    clear(row + (s.left + columns) * pixel, (fitting - columns) * pixel);
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
      if (r + s.stride >= needed) clear(row + row_values, (s.left + s.stride) * plan.pixel);
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
