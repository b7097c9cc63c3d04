// Max pooling (see elementwise.h); see vector.h for how this is compiled.
#pragma once

#include "net/cpu/kernels/elementwise.h"
#include "net/cpu/kernels/output_source.h"
#include "net/cpu/kernels/slab_source.h"

namespace resnext::net::cpu::RESNEXT_KERNEL_NAMESPACE {
namespace {

typedef std::uint8_t Choices __attribute__((vector_size(kLanes)));
typedef std::uint8_t LooseChoices __attribute__((vector_size(kLanes), aligned(1), may_alias));

inline Integers load_choices(const std::uint8_t* p) {
  const Choices choices = *reinterpret_cast<const LooseChoices*>(p);
  return __builtin_convertvector(choices, Integers);
}

inline void put_choices(std::uint8_t* to, Integers v, const Columns& columns) {
  const Choices choices = __builtin_convertvector(v, Choices);
  if (columns.whole) {
    *reinterpret_cast<LooseChoices*>(to) = choices;
    return;
  }
  for (int k = 0; k < kLanes; ++k) {
    if (columns.fresh[k] > 0.0F) to[k] = choices[k];
  }
}

/// Part of an axis: window positions or outputs [first, end).
struct Span {
  int first, end;
};

/// The positions of output `o`'s window that lie in `size` inputs.
inline Span window(const MaxPool& pool, int o, int size) {
  const int start = o * pool.stride - pool.padding;
  const int end = size - start < pool.kernel ? size - start : pool.kernel;
  return {start < 0 ? -start : 0, end};
}

/// The outputs whose windows cover input `i`.
inline Span covering(const MaxPool& pool, int i, int outputs) {
  const int at = i + pool.padding;
  const int first = at < pool.kernel ? 0 : (at - pool.kernel) / pool.stride + 1;
  const int end = at / pool.stride + 1;
  return {first, end < outputs ? end : outputs};
}

template <typename Stored, Reading R>
void max_pool_rows(const MaxPool& pool, const Operand& in, const RowRange& rows, void* out,
                   std::uint8_t* choices) {
  const std::size_t channels = std::size_t(pool.channels);
  for (int row = rows.first; row < rows.end; ++row) {
    const int image = row / pool.height, y = row % pool.height;
    const Span ky = window(pool, y, pool.in_height);
    for (int x = 0; x < pool.width; ++x) {
      const Span kx = window(pool, x, pool.in_width);
      const std::size_t to = (std::size_t(row) * pool.width + x) * channels;
      const std::size_t corner =
          (std::size_t(image) * pool.in_height + std::size_t(y) * pool.stride) * pool.in_width +
          std::size_t(x) * pool.stride;
      for (int v = 0; v * kLanes < pool.channels; ++v) {
        const Columns columns = columns_of(v, pool.channels);
        const int c = columns.start;
        Vector best = broadcast(-__builtin_inff());
        Integers choice = Integers{} + (ky.first * pool.kernel + kx.first);
        for (int i = ky.first; i < ky.end; ++i) {
          for (int j = kx.first; j < kx.end; ++j) {
            const std::size_t at = (corner + std::size_t(i) * pool.in_width + std::size_t(j) -
                                    std::size_t(pool.padding) * (pool.in_width + 1)) *
                                   channels;
            const Vector value = read_vector<Stored, R>(in, at, c);
            // A value that is not a number is taken too, so that it is seen.
            const Integers larger = value > best || value != value;
            choice = larger ? Integers{} + (i * pool.kernel + j) : choice;
            best = larger ? value : best;
          }
        }
        put(static_cast<Stored*>(out) + to + c, best, columns);
        if (choices != nullptr) put_choices(choices + to + c, choice, columns);
      }
    }
  }
}

template <typename Stored>
void max_pool_stored(const MaxPool& pool, const Operand& in, const RowRange& rows, void* out,
                     std::uint8_t* choices) {
  switch (reading_of(in)) {
    case Reading::kAffine:
      return max_pool_rows<Stored, Reading::kAffine>(pool, in, rows, out, choices);
    case Reading::kAffineRelu:
      return max_pool_rows<Stored, Reading::kAffineRelu>(pool, in, rows, out, choices);
    default:
      return max_pool_rows<Stored, Reading::kPlain>(pool, in, rows, out, choices);
  }
}

/// Some rows of outputs.
void max_pool(const MaxPool& pool, const Operand& in, const RowRange& rows, void* out,
              std::uint8_t* choices) {
  if (in.precision == Precision::kBf16) {
    return max_pool_stored<Bfloat16>(pool, in, rows, out, choices);
  }
  max_pool_stored<float>(pool, in, rows, out, choices);
}

template <typename Stored>
void max_pool_gradient_stored(const MaxPool& pool, const void* gradient,
                              const std::uint8_t* choices, const RowRange& rows, void* out) {
  const std::size_t channels = std::size_t(pool.channels);
  for (int row = rows.first; row < rows.end; ++row) {
    const int image = row / pool.in_height, y = row % pool.in_height;
    const Span oy = covering(pool, y, pool.height);
    for (int x = 0; x < pool.in_width; ++x) {
      const Span ox = covering(pool, x, pool.width);
      const std::size_t to = (std::size_t(row) * pool.in_width + x) * channels;
      for (int v = 0; v * kLanes < pool.channels; ++v) {
        const Columns columns = columns_of(v, pool.channels);
        const int c = columns.start;
        Vector sum = {};
        for (int i = oy.first; i < oy.end; ++i) {
          for (int j = ox.first; j < ox.end; ++j) {
            const std::size_t at =
                ((std::size_t(image) * pool.height + i) * pool.width + j) * channels + c;
            const int position = (y + pool.padding - i * pool.stride) * pool.kernel +
                                 (x + pool.padding - j * pool.stride);
            const Vector g = load(static_cast<const Stored*>(gradient) + at);
            sum += load_choices(choices + at) == Integers{} + position ? g : Vector{};
          }
        }
        put(static_cast<Stored*>(out) + to + c, sum, columns);
      }
    }
  }
}

/// Some rows of inputs.
void max_pool_gradient(const MaxPool& pool, const void* gradient, Precision precision,
                       const std::uint8_t* choices, const RowRange& rows, void* out) {
  if (precision == Precision::kBf16) {
    return max_pool_gradient_stored<Bfloat16>(pool, gradient, choices, rows, out);
  }
  max_pool_gradient_stored<float>(pool, gradient, choices, rows, out);
}

}  // namespace
}  // namespace resnext::net::cpu::RESNEXT_KERNEL_NAMESPACE
