// The innermost loops of every convolution: a few pixels times a few vectors of channels, summed in
// registers. See vector.h for how this is compiled.
#pragma once

#include "net/cpu/kernels/vector.h"

namespace resnext::net::cpu::RESNEXT_KERNEL_NAMESPACE {
namespace {

/// Pixels of a tile of `vectors` vectors of outputs: enough sums to hide the latency of
/// multiply-add, few enough to stay in registers with a tile's operands.
constexpr int tile_pixels(int vectors) {
  constexpr bool kManyRegisters = kLanes == 16;
  if (vectors == 1) return kManyRegisters ? 16 : 8;
  if (vectors == 2) return kManyRegisters ? 14 : 6;
  return kManyRegisters ? 9 : 4;
}

/// Where the inputs of a tile lie: `pixel` values from one output's inputs to the next one's, and
/// for each of `rows` rows of the kernel a run of `depth` values at row_offsets[row].
struct TileInputs {
  const float* values;
  std::ptrdiff_t pixel;
  const std::ptrdiff_t* row_offsets;
  int rows;
  int depth;
};

/// Sums so far, added to; null: zero. Rows are `stride` values apart.
struct TileSums {
  const float* values;
  std::ptrdiff_t stride;
};

/// start + sum over inputs of input[pixel] * weights[input][output], by pixel and output, handed to
/// `finish` in registers. `weights`: NV vectors for each input, in order.
template <int NV, typename Finish>
__attribute__((noinline)) void product_tile(const TileInputs& in, const float* weights,
                                            const TileSums& start, const Finish& finish) {
  constexpr int kPixels = tile_pixels(NV);
  const std::ptrdiff_t step = in.pixel;
  const int depth = in.depth;
  Vector sums[kPixels][NV];
#pragma GCC unroll 16
  for (int p = 0; p < kPixels; ++p) {
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) {
      sums[p][v] = start.values ? load(start.values + p * start.stride + v * kLanes) : Vector{};
    }
  }
  for (int row = 0; row < in.rows; ++row) {
    // One pointer for three pixels: the processor adds a register once or twice by itself.
    const float* pixels[(kPixels + 2) / 3];
#pragma GCC unroll 16
    for (int p = 0; p < kPixels; p += 3) {
      pixels[p / 3] = in.values + in.row_offsets[row] + p * step;
    }
#pragma GCC unroll 4
    for (int i = 0; i < depth; ++i) {
      Vector w[NV];
#pragma GCC unroll 4
      for (int v = 0; v < NV; ++v) w[v] = load(weights + v * kLanes);
      weights += NV * kLanes;
#pragma GCC unroll 16
      for (int p = 0; p < kPixels; ++p) {
        const Vector x = broadcast(pixels[p / 3][p % 3 * step]);
#pragma GCC unroll 4
        for (int v = 0; v < NV; ++v) sums[p][v] += x * w[v];
      }
#pragma GCC unroll 16
      for (int p = 0; p < kPixels; p += 3) ++pixels[p / 3];
    }
  }
  finish(sums);
}

/// Stores a tile.
struct StoreTile {
  float* out;
  std::ptrdiff_t stride;

  template <int P, int NV>
  void operator()(const Vector (&sums)[P][NV]) const {
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) {
#pragma GCC unroll 4
      for (int v = 0; v < NV; ++v) store(out + p * stride + v * kLanes, sums[p][v]);
    }
  }
};

template <int... K>
struct Lanes {};
template <int N, int... K>
struct CountLanes : CountLanes<N - 1, N - 1, K...> {};
template <int... K>
struct CountLanes<0, K...> {
  using Type = Lanes<K...>;
};

template <int D, int I, int... K>
inline Vector spread(Vector v, Lanes<K...>) {
  return __builtin_shufflevector(v, v, (K / D * D + I)...);
}

/// Each group of D lanes filled with its lane I.
template <int D, int I>
inline Vector spread(Vector v) {
  return spread<D, I>(v, CountLanes<kLanes>::Type());
}

template <int D, int I = 0, typename Body>
inline void for_each_spread(const Body& body) {
  if constexpr (I < D) {
    body.template operator()<I>();
    for_each_spread<D, I + 1>(body);
  }
}

/// As product_tile of one vector, where the vector's lanes are several groups of D channels, and
/// each output reads the D inputs of its group. A pixel's inputs are one vector; `depth` counts
/// pixels, and `weights` are D vectors for each.
template <int D, typename Finish>
__attribute__((noinline)) void grouped_tile(const TileInputs& in, const float* weights,
                                            const Finish& finish) {
  constexpr int kPixels = tile_pixels(1);
  Vector sums[kPixels][1] = {};
  for (int row = 0; row < in.rows; ++row) {
    const float* const base = in.values + in.row_offsets[row];
    const float* pixels[kPixels];
#pragma GCC unroll 16
    for (int p = 0; p < kPixels; ++p) pixels[p] = base + p * in.pixel;
    for (int q = 0; q < in.depth; ++q) {
      for_each_spread<D>([&]<int I>() {
        const Vector w = load(weights + I * kLanes);
#pragma GCC unroll 16
        for (int p = 0; p < kPixels; ++p) {
          sums[p][0] += spread<D, I>(load(pixels[p] + q * kLanes)) * w;
        }
      });
      weights += D * kLanes;
    }
  }
  finish(sums);
}

/// Two matrices that a product sums over the rows of: `count` rows, `*_step` values apart.
struct OuterFactors {
  const float* a;
  std::ptrdiff_t a_step;
  const float* b;
  std::ptrdiff_t b_step;
  int count;
};

/// out[r][k] = start + sum over rows i of a[i][r] * b[i][k]: kRows rows of NV vectors.
template <int kRows, int NV>
__attribute__((noinline)) void outer_tile(const OuterFactors& f, const TileSums& start, float* out,
                                          std::ptrdiff_t out_stride) {
  Vector sums[kRows][NV];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) {
      sums[r][v] = start.values ? load(start.values + r * start.stride + v * kLanes) : Vector{};
    }
  }
  const float* a = f.a;
  const float* b = f.b;
#pragma GCC unroll 2
  for (int i = 0; i < f.count; ++i) {
    Vector w[NV];
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) w[v] = load(b + v * kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const Vector x = broadcast(a[r]);
#pragma GCC unroll 4
      for (int v = 0; v < NV; ++v) sums[r][v] += x * w[v];
    }
    a += f.a_step;
    b += f.b_step;
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) store(out + r * out_stride + v * kLanes, sums[r][v]);
  }
}

/// Several groups of D channels in one vector: out[q][i] += sum over rows of a[q] spread by its
/// lane i, times b; for Q neighbouring vectors of `a`.
template <int D, int Q>
__attribute__((noinline)) void grouped_outer_tile(const OuterFactors& f, float* out) {
  Vector sums[Q][D];
#pragma GCC unroll 4
  for (int q = 0; q < Q; ++q) {
#pragma GCC unroll 8
    for (int i = 0; i < D; ++i) sums[q][i] = load(out + (q * D + i) * kLanes);
  }
  const float* a = f.a;
  const float* b = f.b;
  for (int n = 0; n < f.count; ++n) {
    const Vector w = load(b);
#pragma GCC unroll 4
    for (int q = 0; q < Q; ++q) {
      const Vector x = load(a + q * kLanes);
      for_each_spread<D>([&]<int I>() { sums[q][I] += spread<D, I>(x) * w; });
    }
    a += f.a_step;
    b += f.b_step;
  }
#pragma GCC unroll 4
  for (int q = 0; q < Q; ++q) {
#pragma GCC unroll 8
    for (int i = 0; i < D; ++i) store(out + (q * D + i) * kLanes, sums[q][i]);
  }
}

}  // namespace
}  // namespace resnext::net::cpu::RESNEXT_KERNEL_NAMESPACE
