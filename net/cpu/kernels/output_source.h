// What becomes of a tile of sums: stored, with the sums by channel that batch-norm needs. See
// vector.h for how this is compiled.
#pragma once

#include "net/cpu/kernels/correlation.h"
#include "net/cpu/kernels/vector.h"

namespace resnext::net::cpu::RESNEXT_KERNEL_NAMESPACE {
namespace {

/// A tile on its way out: `pixels` says where each row goes (-1: nowhere), `channel` the first
/// column's, `count` how many columns exist.
struct TileOutput {
  const float* values;
  std::ptrdiff_t stride;
  int rows;
  const std::int32_t* pixels;
  int channel;
  int count;
  bool first;  ///< of the unit
};

/// A vector of a tile's columns. Where the last vector of `count` columns is not whole, it starts
/// earlier, so that `fresh` leaves out the lanes that the one before has had; where not even one is
/// whole, `fresh` leaves out what does not exist.
struct Columns {
  int start;
  bool whole;
  Vector fresh;  ///< 1 or 0
};

inline Columns columns_of(int v, int count) {
  const int wanted = v * kLanes;
  if (wanted + kLanes <= count) return {wanted, true, broadcast(1.0F)};
  const int start = count > kLanes ? count - kLanes : 0;
  Vector fresh = {};
  for (int k = 0; k < kLanes; ++k) {
    fresh[k] = start + k >= wanted && start + k < count ? 1.0F : 0.0F;
  }
  return {start, false, fresh};
}

template <typename Stored>
inline void put(Stored* to, Vector x, const Columns& columns) {
  if (columns.whole) return store(to, x);
  Stored lanes[kLanes];
  store(lanes, x);
  for (int k = 0; k < kLanes; ++k) {
    if (columns.fresh[k] > 0.0F) to[k] = lanes[k];
  }
}

template <typename Stored>
struct PlainOutput {
  const CorrelationOutput& out;
  std::size_t channels;

  void columns(const TileOutput& tile, const Columns& columns) const {
    const std::size_t c = std::size_t(tile.channel) + columns.start;
    for (int r = 0; r < tile.rows; ++r) {
      if (tile.pixels[r] < 0) continue;
      const std::size_t at = tile.pixels[r] * channels + c;
      Vector x = load(tile.values + r * tile.stride + columns.start);
      if (out.addend != nullptr) x += load(static_cast<const Stored*>(out.addend) + at);
      put(static_cast<Stored*>(out.values) + at, x, columns);
    }
  }
};

template <typename Stored>
struct MomentsOutput {
  const CorrelationOutput& out;
  std::size_t channels;

  void columns(const TileOutput& tile, const Columns& columns) const {
    const std::size_t c = std::size_t(tile.channel) + columns.start;
    if (out.pivot_due && tile.first) store(out.pivot + c, load(tile.values + columns.start));
    const Vector pivot = load(out.pivot + c);
    Vector sum = {}, square = {};
    for (int r = 0; r < tile.rows; ++r) {
      if (tile.pixels[r] < 0) continue;
      const Vector x = load(tile.values + r * tile.stride + columns.start);
      put(static_cast<Stored*>(out.values) + tile.pixels[r] * channels + c, x, columns);
      const Vector d = x - pivot;
      sum += d;
      square += d * d;
    }
    if (!columns.whole) {
      sum *= columns.fresh;
      square *= columns.fresh;
    }
    store(out.sums.unit[0] + c, load(out.sums.unit[0] + c) + sum);
    store(out.sums.unit[1] + c, load(out.sums.unit[1] + c) + square);
  }
};

template <typename Stored, int Branches>
struct GradientOutput {
  const CorrelationOutput& out;
  std::size_t channels;

  static const Stored* at(const void* values, std::size_t position) {
    return static_cast<const Stored*>(values) + position;
  }

  void columns(const TileOutput& tile, const Columns& columns) const {
    const std::size_t c = std::size_t(tile.channel) + columns.start;
    const bool affine_mask = out.relu && out.mask == nullptr;
    const Vector scale = affine_mask ? load(out.scale + c) : Vector{};
    const Vector shift = affine_mask ? load(out.shift + c) : Vector{};
    Vector sum = {}, products[2] = {}, means[2] = {};
    for (int b = 0; b < Branches; ++b) means[b] = load(out.means[b] + c);
    for (int r = 0; r < tile.rows; ++r) {
      if (tile.pixels[r] < 0) continue;
      const std::size_t position = tile.pixels[r] * channels + c;
      Vector g = load(tile.values + r * tile.stride + columns.start);
      if (out.addend != nullptr) g += load(at(out.addend, position));
      Vector x[2] = {};
      for (int b = 0; b < Branches; ++b) x[b] = load(at(out.inputs[b], position));
      if (out.mask != nullptr) {
        g = load(at(out.mask, position)) > 0.0F ? g : Vector{};
      } else if (affine_mask) {
        g = x[0] * scale + shift > 0.0F ? g : Vector{};
      }
      put(static_cast<Stored*>(out.values) + position, g, columns);
      if (!columns.whole) g *= columns.fresh;
      sum += g;
      for (int b = 0; b < Branches; ++b) products[b] += g * (x[b] - means[b]);
    }
    store(out.sums.unit[0] + c, load(out.sums.unit[0] + c) + sum);
    for (int b = 0; b < Branches; ++b) {
      float* total = out.sums.unit[b + 1] + c;
      store(total, load(total) + products[b]);
    }
  }
};

/// Adds a unit's sums to the totals and clears them.
inline void flush_sums(const ChannelSums& sums, int channels) {
  for (int k = 0; k < 3; ++k) {
    if (sums.total[k] == nullptr) continue;
    for (int c = 0; c < channels; ++c) {
      sums.total[k][c] += double(sums.unit[k][c]);
      sums.unit[k][c] = 0.0F;
    }
  }
}

}  // namespace
}  // namespace resnext::net::cpu::RESNEXT_KERNEL_NAMESPACE
