// The loops of a correlation (see correlation.h), for one thread. See vector.h for how this is
// compiled.
#pragma once

#include "net/cpu/kernels/correlation.h"
#include "net/cpu/kernels/output_source.h"
#include "net/cpu/kernels/product_tile.h"
#include "net/cpu/kernels/slab_source.h"
#include "net/cpu/kernels/window_tile.h"

namespace resnext::net::cpu::RESNEXT_KERNEL_NAMESPACE {
namespace {

/// A panel is the widest tile's share of a group's outputs: threes only where they come out even.
inline int panel_vectors(int left) {
  if (left == 1) return 1;
  return left % 2 == 0 ? 2 : 3;
}

/// The unit being computed.
struct Unit {
  int image;
  int first_row;
  int rows;
  int outputs;  ///< existing and dropped ones
};

/// Calls body(unit) for the units of some rows.
template <typename Body>
inline void for_each_unit(const CorrelationPlan& plan, const RowRange& range, const Body& body) {
  const CorrelationShape& s = plan.shape;
  int row = range.first;
  while (row < range.end) {
    Unit unit{row / s.height, row % s.height, plan.block_rows, 0};
    if (unit.rows > s.height - unit.first_row) unit.rows = s.height - unit.first_row;
    if (unit.rows > range.end - row) unit.rows = range.end - row;
    unit.outputs = (unit.rows - 1) * plan.virtual_width + s.width;
    body(unit);
    row += unit.rows;
  }
}

/// Starts to fetch the memory that a tile goes to.
template <int P, typename Kind>
inline void prefetch_outputs(const Kind& kind, const TilePlace& place) {
#pragma GCC unroll 16
  for (int r = 0; r < P; ++r) {
    if (place.pixels[r] < 0) continue;
    const std::size_t at = place.pixels[r] * kind.channels + std::size_t(place.channel);
    __builtin_prefetch(static_cast<const char*>(kind.out.values) + at * Kind::kBytes, 1);
  }
}

/// Where each of a unit's outputs is stored, with -1 for dropped ones up to a whole tile.
inline void map_outputs(const CorrelationPlan& plan, const Unit& unit, std::int32_t* pixels) {
  const CorrelationShape& s = plan.shape;
  int v = 0;
  for (int y = 0; y < unit.rows; ++y) {
    const std::int32_t row =
        (unit.image * s.out_height + (unit.first_row + y) * s.out_step + s.out_top) * s.out_width +
        s.out_left;
    for (int x = 0; x < plan.virtual_width && v < unit.outputs; ++x) {
      pixels[v++] = x < s.width ? row + x * s.out_step : -1;
    }
  }
  for (int k = 0; k < tile_pixels(1) + tile_pixels(2); ++k) pixels[v++] = -1;
}

/// One chunk of one group's inputs with its part of the weights.
struct GroupChunk {
  TileInputs inputs;  ///< of the unit's first output
  const float* weights;
  std::ptrdiff_t step;  ///< values from one output's inputs to the next one's
  int channel;          ///< of the group's first output
  bool first, last;
};

/// The outputs from `v` on by the panel's vectors.
template <int NV, typename Kind>
inline void panel_tile(const CorrelationPlan& plan, const GroupChunk& chunk, int vector,
                       const float* weights, int v, const CorrelationWorkspace& work,
                       const Kind& kind) {
  constexpr int kPixels = tile_pixels(NV);
  const std::ptrdiff_t sums_stride = std::ptrdiff_t(plan.output_vectors) * kLanes;
  const int columns = plan.group_outputs - vector * kLanes;
  TileInputs inputs = chunk.inputs;
  inputs.values += v * chunk.step;
  float* sums = work.sums + v * sums_stride + vector * kLanes;
  const TileSums start = {chunk.first ? nullptr : sums, sums_stride};
  if (!chunk.last) {
    product_tile<NV>(inputs, weights, start, StoreTile{sums, sums_stride});
    return;
  }
  const TilePlace place = {work.pixels + v, chunk.channel + vector * kLanes, v == 0};
  prefetch_outputs<kPixels>(kind, place);
  if (columns >= NV * kLanes) {
    product_tile<NV>(inputs, weights, start, FinishTile<Kind>{kind, place});
  } else {
    alignas(64) float tile[kPixels * NV * kLanes];
    product_tile<NV>(inputs, weights, start, StoreTile{tile, NV * kLanes});
    finish_stored_tile<Kind, kPixels, NV>(kind, tile, place, columns);
  }
}

template <int NV, typename Kind>
void panel(const CorrelationPlan& plan, const Unit& unit, const GroupChunk& chunk, int vector,
           const float* weights, const CorrelationWorkspace& work, const Kind& kind) {
  for (int v = 0; v < unit.outputs; v += tile_pixels(NV)) {
    panel_tile<NV>(plan, chunk, vector, weights, v, work, kind);
  }
}

/// All panels of a tile before the next tile, so that outputs are met in the order of memory.
template <int NV, typename Kind>
void tiles_of_panels(const CorrelationPlan& plan, const Unit& unit, const GroupChunk& chunk,
                     const CorrelationWorkspace& work, const Kind& kind) {
  const std::ptrdiff_t inputs = std::ptrdiff_t(chunk.inputs.rows) * chunk.inputs.depth;
  for (int v = 0; v < unit.outputs; v += tile_pixels(NV)) {
    for (int vector = 0; vector < plan.output_vectors; vector += NV) {
      panel_tile<NV>(plan, chunk, vector, chunk.weights + vector * kLanes * inputs, v, work, kind);
    }
  }
}

/// Groups of D channels that share a vector, or with D zero one group of at most a vector.
template <int S, int D, typename Kind>
void window_panel(const CorrelationPlan& plan, const Unit& unit, const GroupChunk& chunk,
                  const CorrelationWorkspace& work, const Kind& kind) {
  constexpr int kPixels = tile_pixels(1);
  alignas(64) float tile[kPixels * kLanes];
  const int channels = chunk.inputs.depth / kWindow;
  TileInputs inputs = chunk.inputs;
  for (int v = 0; v < unit.outputs; v += kPixels) {
    inputs.values = chunk.inputs.values + v * chunk.step;
    float* sums = work.sums + v * kLanes;
    const TileSums start = {chunk.first ? nullptr : sums, kLanes};
    const TilePlace place = {work.pixels + v, chunk.channel, v == 0};
    if (!chunk.last) {
      window_tile<S, D>(inputs, plan.pixel, channels, chunk.weights, start,
                        StoreTile{sums, kLanes});
    } else if (plan.group_outputs >= kLanes) {
      window_tile<S, D>(inputs, plan.pixel, channels, chunk.weights, start,
                        FinishTile<Kind>{kind, place});
    } else {
      window_tile<S, D>(inputs, plan.pixel, channels, chunk.weights, start,
                        StoreTile{tile, kLanes});
      finish_stored_tile<Kind, kPixels, 1>(kind, tile, place, plan.group_outputs);
    }
  }
}

/// Whether window_panel() did it.
template <int D, typename Kind>
bool by_windows(const CorrelationPlan& plan, const Unit& unit, const GroupChunk& chunk,
                const CorrelationWorkspace& work, const Kind& kind) {
  if (plan.shape.kernel_width != kWindow || plan.output_vectors != 1) return false;
  if (plan.shape.stride == 1) {
    window_panel<1, D>(plan, unit, chunk, work, kind);
  } else if (plan.shape.stride == 2) {
    window_panel<2, D>(plan, unit, chunk, work, kind);
  } else {
    return false;
  }
  return true;
}

template <int D, typename Kind>
void grouped_panel(const CorrelationPlan& plan, const Unit& unit, const GroupChunk& chunk,
                   const CorrelationWorkspace& work, const Kind& kind) {
  if (by_windows<D>(plan, unit, chunk, work, kind)) return;
  TileInputs inputs = chunk.inputs;
  for (int v = 0; v < unit.outputs; v += tile_pixels(1)) {
    inputs.values = chunk.inputs.values + v * chunk.step;
    const TilePlace place = {work.pixels + v, chunk.channel, v == 0};
    grouped_tile<D>(inputs, chunk.weights, FinishTile<Kind>{kind, place});
  }
}

template <typename Kind>
void spread_panel(const CorrelationPlan& plan, const Unit& unit, const GroupChunk& chunk,
                  const CorrelationWorkspace& work, const Kind& kind) {
  switch (plan.spread) {
    case 1:
      return grouped_panel<1>(plan, unit, chunk, work, kind);
    case 2:
      return grouped_panel<2>(plan, unit, chunk, work, kind);
    case 4:
      return grouped_panel<4>(plan, unit, chunk, work, kind);
    default:
      if constexpr (kLanes > 8) return grouped_panel<8>(plan, unit, chunk, work, kind);
  }
}

template <typename Kind>
void group_panels(const CorrelationPlan& plan, const Unit& unit, const GroupChunk& chunk,
                  const CorrelationWorkspace& work, const Kind& kind) {
  if (plan.spread > 0) return spread_panel(plan, unit, chunk, work, kind);
  if (by_windows<0>(plan, unit, chunk, work, kind)) return;
  if (plan.tiles_first) return tiles_of_panels<2>(plan, unit, chunk, work, kind);
  const std::ptrdiff_t inputs = std::ptrdiff_t(chunk.inputs.rows) * chunk.inputs.depth;
  int vector = 0;
  while (vector < plan.output_vectors) {
    const float* weights = chunk.weights + vector * kLanes * inputs;
    const int vectors = panel_vectors(plan.output_vectors - vector);
    if (vectors == 1) panel<1>(plan, unit, chunk, vector, weights, work, kind);
    if (vectors == 2) panel<2>(plan, unit, chunk, vector, weights, work, kind);
    if (vectors == 3) panel<3>(plan, unit, chunk, vector, weights, work, kind);
    vector += vectors;
  }
}

/// Values of weights for one input channel of a group.
inline std::ptrdiff_t weights_per_channel(const CorrelationPlan& plan) {
  const std::ptrdiff_t taps = std::ptrdiff_t(plan.shape.kernel_height) * plan.shape.kernel_width;
  return taps * plan.output_vectors * kLanes;
}

template <typename Kind>
void correlate_unit(const CorrelationPlan& plan, const Unit& unit, const Operand& operand,
                    const float* weights, const CorrelationWorkspace& work, const Kind& kind) {
  const CorrelationShape& s = plan.shape;
  map_outputs(plan, unit, work.pixels);
  const std::ptrdiff_t row_values = std::ptrdiff_t(plan.slab_width) * plan.pixel;
  std::ptrdiff_t row_offsets[kMostKernelRows];
  for (int k = 0; k < s.kernel_height; ++k) {
    row_offsets[k] = k % s.stride * plan.parity_values + k / s.stride * row_values;
  }
  for (int first_group = 0; first_group < plan.groups; first_group += plan.fill_groups) {
    const int left = plan.groups - first_group;
    const int groups = left < plan.fill_groups ? left : plan.fill_groups;
    for (int c = 0; c < plan.chunks; ++c) {
      const int from = c * plan.chunk;
      const int channels =
          plan.group_inputs - from < plan.chunk ? plan.group_inputs - from : plan.chunk;
      fill_slab(plan, operand,
                SlabFill{unit.image, unit.first_row, unit.rows,
                         first_group * plan.group_inputs + from, channels, groups},
                work.slab);
      for (int g = 0; g < groups; ++g) {
        const int group = first_group + g;
        const int depth = plan.spread > 0 ? s.kernel_width : s.kernel_width * channels;
        const std::ptrdiff_t step = std::ptrdiff_t(s.stride) * plan.pixel;
        const std::ptrdiff_t channel_weights = weights_per_channel(plan);
        const std::ptrdiff_t group_channels = plan.spread > 0 ? plan.spread : plan.group_inputs;
        const GroupChunk chunk{
            {work.slab + g * plan.group_values, step, row_offsets, s.kernel_height, depth},
            weights + (group * group_channels + from) * channel_weights,
            step,
            group * plan.group_outputs,
            c == 0,
            c + 1 == plan.chunks};
        group_panels(plan, unit, chunk, work, kind);
      }
    }
  }
}

template <typename Kind>
void correlate_rows(const CorrelationPlan& plan, const RowRange& range, const Operand& operand,
                    const float* weights, CorrelationOutput& out,
                    const CorrelationWorkspace& work) {
  const CorrelationShape& s = plan.shape;
  const Kind kind{out, std::size_t(s.out_channels)};
  for_each_unit(plan, range, [&](const Unit& unit) {
    correlate_unit(plan, unit, operand, weights, work, kind);
    flush_sums(out.sums, s.out_channels);
    out.pivot_due = false;
  });
}

template <typename Stored>
void correlate(const CorrelationPlan& plan, const RowRange& range, const Operand& operand,
               const float* weights, CorrelationOutput& out, const CorrelationWorkspace& work) {
  switch (out.kind) {
    case OutputKind::kPlain:
      return correlate_rows<PlainOutput<Stored>>(plan, range, operand, weights, out, work);
    case OutputKind::kMoments:
      return correlate_rows<MomentsOutput<Stored>>(plan, range, operand, weights, out, work);
    case OutputKind::kGradient:
      if (out.inputs[1] != nullptr) {
        return correlate_rows<GradientOutput<Stored, 2>>(plan, range, operand, weights, out, work);
      }
      return correlate_rows<GradientOutput<Stored, 1>>(plan, range, operand, weights, out, work);
  }
}

void correlate(const CorrelationPlan& plan, const RowRange& range, const Operand& operand,
               const float* weights, CorrelationOutput& out, const CorrelationWorkspace& work) {
  if (out.precision == Precision::kBf16) {
    return correlate<Bfloat16>(plan, range, operand, weights, out, work);
  }
  correlate<float>(plan, range, operand, weights, out, work);
}

}  // namespace
}  // namespace resnext::net::cpu::RESNEXT_KERNEL_NAMESPACE
