// What becomes of a tile of sums: stored, with the sums by channel that batch-norm needs. See
// vector.h for how this is compiled.
#pragma once

#include "net/cpu/kernels/correlation.h"
#include "net/cpu/kernels/vector.h"

namespace resnext::net::cpu::RESNEXT_KERNEL_NAMESPACE {
namespace {

/// Where a tile goes: `pixels` says where each row goes (-1: nowhere), `channel` is the first
/// column's.
struct TilePlace {
  const std::int32_t* pixels;
  int channel;
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
  static constexpr std::size_t kBytes = sizeof(Stored);
  const CorrelationOutput& out;
  std::size_t channels;

  /// A vector's columns of P rows; row(r) gives their sums.
  template <int P, typename Row>
  void columns(const Row& row, const TilePlace& tile, const Columns& columns) const {
    const std::size_t c = std::size_t(tile.channel) + columns.start;
#pragma GCC unroll 16
    for (int r = 0; r < P; ++r) {
      if (tile.pixels[r] < 0) continue;
      const std::size_t at = tile.pixels[r] * channels + c;
      Vector x = row(r);
      if (out.addend != nullptr) x += load(static_cast<const Stored*>(out.addend) + at);
      put(static_cast<Stored*>(out.values) + at, x, columns);
    }
  }
};

template <typename Stored>
struct MomentsOutput {
  static constexpr std::size_t kBytes = sizeof(Stored);
  const CorrelationOutput& out;
  std::size_t channels;

  /// A vector's columns of P rows; row(r) gives their sums.
  template <int P, typename Row>
  void columns(const Row& row, const TilePlace& tile, const Columns& columns) const {
    const std::size_t c = std::size_t(tile.channel) + columns.start;
    if (out.pivot_due && tile.first) store(out.pivot + c, row(0));
    const Vector pivot = load(out.pivot + c);
    Vector sum = {}, square = {};
#pragma GCC unroll 16
    for (int r = 0; r < P; ++r) {
      if (tile.pixels[r] < 0) continue;
      const Vector x = row(r);
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
  static constexpr std::size_t kBytes = sizeof(Stored);
  const CorrelationOutput& out;
  std::size_t channels;

  static const Stored* at(const void* values, std::size_t position) {
    return static_cast<const Stored*>(values) + position;
  }

  /// A vector's columns of P rows; row(r) gives their sums.
  template <int P, typename Row>
  void columns(const Row& row, const TilePlace& tile, const Columns& columns) const {
    const std::size_t c = std::size_t(tile.channel) + columns.start;
    const bool affine_mask = out.relu && out.mask == nullptr;
    const Vector scale = affine_mask ? load(out.scale + c) : Vector{};
    const Vector shift = affine_mask ? load(out.shift + c) : Vector{};
    Vector sum = {}, products[2] = {}, means[2] = {};
    for (int b = 0; b < Branches; ++b) means[b] = load(out.means[b] + c);
#pragma GCC unroll 16
    for (int r = 0; r < P; ++r) {
      if (tile.pixels[r] < 0) continue;
      const std::size_t position = tile.pixels[r] * channels + c;
      Vector g = row(r);
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

/// Hands a tile in registers to one kind of output.
template <typename Kind>
struct FinishTile {
  const Kind& kind;
  TilePlace place;

  template <int P, int NV>
  __attribute__((always_inline)) void operator()(const Vector (&sums)[P][NV]) const {
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) {
      kind.template columns<P>([&](int r) { return sums[r][v]; }, place,
                               Columns{v * kLanes, true, broadcast(1.0F)});
    }
  }
};

/// The same from memory, for a tile of which only `count` columns exist.
template <typename Kind, int P, int NV>
void finish_stored_tile(const Kind& kind, const float* tile, const TilePlace& place, int count) {
  for (int v = 0; v < NV && v * kLanes < count; ++v) {
    const Columns columns = columns_of(v, count);
    kind.template columns<P>([&](int r) { return load(tile + r * NV * kLanes + columns.start); },
                             place, columns);
  }
}

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
