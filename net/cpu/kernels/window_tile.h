// The innermost loops for kernels three wide and groups of a vector or less, as ResNeXt's paths
// have them: an input pixel is loaded once for the three outputs (or weights) that it meets in a
// row. See vector.h for how this is compiled.
#pragma once

#include "net/cpu/kernels/product_tile.h"

namespace resnext::net::cpu::RESNEXT_KERNEL_NAMESPACE {
namespace {

constexpr int kWindow = 3;

/// Input I of a pixel, for each lane that needs it: of the lane's group of D channels, or with D
/// zero of the only group.
template <int D, int I>
inline Vector input_lanes(const float* pixel, int i) {
  if constexpr (D > 0) return spread<D, I>(load(pixel));
  return broadcast(pixel[i]);
}

/// One input of the group in one row of the kernel, for all outputs of a tile. `weights`: its
/// vectors for the three columns are `column` values apart.
template <int S, int D, int I>
inline void window_input(const float* const (&pixels)[(tile_pixels(1) * S + kWindow + 2) / 3],
                         std::ptrdiff_t pixel, int i, const float* weights, std::ptrdiff_t column,
                         Vector (&sums)[tile_pixels(1)][1]) {
  constexpr int kOutputs = tile_pixels(1);
  const Vector w[kWindow] = {load(weights), load(weights + column), load(weights + 2 * column)};
#pragma GCC unroll 64
  for (int q = 0; q < (kOutputs - 1) * S + kWindow; ++q) {
    const Vector x = input_lanes<D, I>(pixels[q / 3] + q % 3 * pixel, i);
#pragma GCC unroll 4
    for (int k = 0; k < kWindow; ++k) {
      const int output = q - k;
      if (output >= 0 && output % S == 0 && output / S < kOutputs) {
        sums[output / S][0] += x * w[k];
      }
    }
  }
}

/// As product_tile (D = 0: one group of `channels` channels) or grouped_tile (groups of D channels
/// share a vector), for a stride of S. `pixel`: values from one input pixel to the next.
template <int S, int D, typename Finish>
__attribute__((noinline)) void window_tile(const TileInputs& in, std::ptrdiff_t pixel, int channels,
                                           const float* weights, const TileSums& start,
                                           const Finish& finish) {
  constexpr int kOutputs = tile_pixels(1);
  constexpr int kPointers = (kOutputs * S + kWindow + 2) / 3;
  Vector sums[kOutputs][1];
#pragma GCC unroll 16
  for (int p = 0; p < kOutputs; ++p) {
    sums[p][0] = start.values ? load(start.values + p * start.stride) : Vector{};
  }
  const std::ptrdiff_t column = std::ptrdiff_t(D > 0 ? D : channels) * kLanes;
  for (int row = 0; row < in.rows; ++row) {
    const float* pixels[kPointers];
#pragma GCC unroll 16
    for (int k = 0; k < kPointers; ++k) {
      pixels[k] = in.values + in.row_offsets[row] + 3 * k * pixel;
    }
    if constexpr (D > 0) {
      for_each_spread<D>([&]<int I>() {
        window_input<S, D, I>(pixels, pixel, 0, weights + I * kLanes, column, sums);
      });
    } else {
      for (int i = 0; i < channels; ++i) {
        window_input<S, 0, 0>(pixels, pixel, i, weights + i * kLanes, column, sums);
      }
    }
    weights += kWindow * column;
  }
  finish(sums);
}

/// Inputs whose weights' gradients stay in registers at once.
constexpr int kWindowInputs = 4;

/// As outer_tile (D = 0) or grouped_outer_tile: out[column][input] += sum over outputs v of
/// a[v + column][input] * b[v], for kWindowInputs inputs (with D > 0: D), stride 1. `column`:
/// values from one column's weights to the next one's.
template <int D>
__attribute__((noinline)) void window_outer_tile(const OuterFactors& f, float* out,
                                                 std::ptrdiff_t column) {
  constexpr int kInputs = D > 0 ? D : kWindowInputs;
  Vector sums[kWindow][kInputs];
#pragma GCC unroll 4
  for (int k = 0; k < kWindow; ++k) {
#pragma GCC unroll 8
    for (int i = 0; i < kInputs; ++i) sums[k][i] = load(out + k * column + i * kLanes);
  }
  const float* a = f.a;
  const float* b = f.b;
  Vector before[kWindow] = {};  // the gradients of this output and the two before
  const auto step = [&] {
    if constexpr (D > 0) {
      const Vector pixel = load(a);
      for_each_spread<D>([&]<int I>() {
        const Vector x = spread<D, I>(pixel);
#pragma GCC unroll 4
        for (int k = 0; k < kWindow; ++k) sums[k][I] += x * before[k];
      });
    } else {
#pragma GCC unroll 8
      for (int i = 0; i < kInputs; ++i) {
        const Vector x = broadcast(a[i]);
#pragma GCC unroll 4
        for (int k = 0; k < kWindow; ++k) sums[k][i] += x * before[k];
      }
    }
    a += f.a_step;
  };
#pragma GCC unroll 3
  for (int v = 0; v < f.count; ++v) {
    before[2] = before[1];
    before[1] = before[0];
    before[0] = load(b);
    b += f.b_step;
    step();
  }
  for (int after = 0; after < kWindow - 1; ++after) {
    before[2] = before[1];
    before[1] = before[0];
    before[0] = Vector{};
    step();
  }
#pragma GCC unroll 4
  for (int k = 0; k < kWindow; ++k) {
#pragma GCC unroll 8
    for (int i = 0; i < kInputs; ++i) store(out + k * column + i * kLanes, sums[k][i]);
  }
}

}  // namespace
}  // namespace resnext::net::cpu::RESNEXT_KERNEL_NAMESPACE
