// The loops of a weight gradient (see kernel_gradient.h), for one thread. See vector.h for how this
// is compiled.
#pragma once

#include "net/cpu/kernels/correlation_source.h"
#include "net/cpu/kernels/kernel_gradient.h"

namespace resnext::net::cpu::RESNEXT_KERNEL_NAMESPACE {
namespace {

/// Copies the gradients of a unit's outputs for some groups: [group][output][lane], zeros for
/// dropped outputs.
template <typename Stored, Reading R>
void copy_gradients(const CorrelationPlan& plan, const Unit& unit, const Operand& operand,
                    int first_group, int groups, float* to) {
  const CorrelationShape& s = plan.shape;
  const int lanes = plan.output_vectors * kLanes;
  const std::ptrdiff_t group_values = std::ptrdiff_t(unit.outputs) * lanes + kLanes;
  for (int y = 0; y < unit.rows; ++y) {
    const std::size_t row =
        (std::size_t(unit.image) * s.height + std::size_t(unit.first_row + y)) * s.width;
    for (int g = 0; g < groups; ++g) {
      const int c = (first_group + g) * plan.group_outputs;
      float* outputs = to + g * group_values + std::ptrdiff_t(y) * plan.virtual_width * lanes;
      copy_row<Stored, R>(
          operand, c, plan.group_outputs,
          PixelRow{row * s.out_channels, std::size_t(s.out_channels), outputs, lanes, s.width});
      if (y + 1 == unit.rows) continue;
      clear(outputs + std::ptrdiff_t(s.width) * lanes,
            std::ptrdiff_t(plan.virtual_width - s.width) * lanes);
    }
  }
}

template <typename Stored>
void copy_gradients(const CorrelationPlan& plan, const Unit& unit, const Operand& operand,
                    int first_group, int groups, float* to) {
  if (reading_of(operand) == Reading::kGradient) {
    return copy_gradients<Stored, Reading::kGradient>(plan, unit, operand, first_group, groups, to);
  }
  copy_gradients<Stored, Reading::kPlain>(plan, unit, operand, first_group, groups, to);
}

/// A run of outputs of one group and kernel row: their inputs, gradients, and the part of the
/// weights' gradient, [input of a kernel row][lane], that they add to.
struct GradientRun {
  OuterFactors factors;
  int depth;
  float* weights;
};

template <int NV>
void gradient_panel(const CorrelationPlan& plan, const GradientRun& run, int vector) {
  alignas(64) float tile[tile_pixels(NV) * NV * kLanes] = {};
  const std::ptrdiff_t stride = std::ptrdiff_t(plan.output_vectors) * kLanes;
  OuterFactors factors = run.factors;
  factors.b += vector * kLanes;
  for (int i = 0; i < run.depth; i += tile_pixels(NV)) {
    factors.a = run.factors.a + i;
    float* weights = run.weights + i * stride + vector * kLanes;
    if (i + tile_pixels(NV) <= run.depth) {
      outer_tile<tile_pixels(NV), NV>(factors, TileSums{weights, stride}, weights, stride);
      continue;
    }
    outer_tile<tile_pixels(NV), NV>(factors, TileSums{nullptr, 0}, tile, NV * kLanes);
    for (int r = 0; r < run.depth - i; ++r) {
      for (int k = 0; k < NV * kLanes; ++k) weights[r * stride + k] += tile[r * NV * kLanes + k];
    }
  }
}

template <int D>
void spread_gradient(const GradientRun& run) {
  GradientRun left = run;
  for (; left.depth >= 3 && D * 3 <= 12; left.depth -= 3) {
    grouped_outer_tile<D, 3>(left.factors, left.weights);
    left.factors.a += 3 * kLanes;
    left.weights += 3 * D * kLanes;
  }
  for (; left.depth > 0; --left.depth) {
    grouped_outer_tile<D, 1>(left.factors, left.weights);
    left.factors.a += kLanes;
    left.weights += D * kLanes;
  }
}

/// Kernels three wide, of at most a vector of outputs. Returns whether it did it.
template <int D>
bool window_gradient(const CorrelationPlan& plan, const GradientRun& run) {
  const bool fits = plan.shape.kernel_width == kWindow && plan.shape.stride == 1 &&
                    plan.output_vectors == 1 && D * kWindow <= 12;
  if (!fits) return false;
  if constexpr (D > 0) {
    window_outer_tile<D>(run.factors, run.weights, D * kLanes);
    return true;
  }
  const int channels = run.depth / kWindow;
  if (channels % kWindowInputs != 0) return false;
  OuterFactors factors = run.factors;
  for (int i = 0; i < channels; i += kWindowInputs) {
    factors.a = run.factors.a + i;
    window_outer_tile<0>(factors, run.weights + i * kLanes, std::ptrdiff_t(channels) * kLanes);
  }
  return true;
}

inline void gradient_panels(const CorrelationPlan& plan, const GradientRun& run) {
  if (plan.spread == 1 && window_gradient<1>(plan, run)) return;
  if (plan.spread == 2 && window_gradient<2>(plan, run)) return;
  if (plan.spread == 4 && window_gradient<4>(plan, run)) return;
  if (plan.spread == 0 && window_gradient<0>(plan, run)) return;
  if (plan.spread == 1) return spread_gradient<1>(run);
  if (plan.spread == 2) return spread_gradient<2>(run);
  if (plan.spread == 4) return spread_gradient<4>(run);
  if constexpr (kLanes > 8) {
    if (plan.spread == 8) return spread_gradient<8>(run);
  }
  int vector = 0;
  while (vector < plan.output_vectors) {
    const int vectors = panel_vectors(plan.output_vectors - vector);
    if (vectors == 1) gradient_panel<1>(plan, run, vector);
    if (vectors == 2) gradient_panel<2>(plan, run, vector);
    if (vectors == 3) gradient_panel<3>(plan, run, vector);
    vector += vectors;
  }
}

/// One chunk of one group: `slab` its inputs, `gradients` its outputs', `weights` its part,
/// [kernel row][input of the row][lane].
inline void chunk_gradient(const CorrelationPlan& plan, const Unit& unit, const float* slab,
                           int channels, const float* gradients, float* weights) {
  const CorrelationShape& s = plan.shape;
  const int lanes = plan.output_vectors * kLanes;
  const std::ptrdiff_t row_values = std::ptrdiff_t(plan.slab_width) * plan.pixel;
  const std::ptrdiff_t step = std::ptrdiff_t(s.stride) * plan.pixel;
  const int depth = plan.spread > 0 ? s.kernel_width : s.kernel_width * channels;
  const std::ptrdiff_t row_weights =
      std::ptrdiff_t(s.kernel_width) * (plan.spread > 0 ? plan.spread : channels) * lanes;
  for (int v = 0; v < unit.outputs; v += kGradientRun) {
    const int left = unit.outputs - v;
    for (int k = 0; k < s.kernel_height; ++k) {
      const float* inputs = slab + k % s.stride * plan.parity_values + k / s.stride * row_values;
      gradient_panels(
          plan, GradientRun{{inputs + v * step, step, gradients + std::ptrdiff_t(v) * lanes, lanes,
                             left < kGradientRun ? left : kGradientRun},
                            depth,
                            weights + k * row_weights});
    }
  }
}

inline void unit_gradient(const CorrelationPlan& plan, const Unit& unit, const Operand& inputs,
                          const Operand& gradients, const KernelGradientWorkspace& work,
                          float* weights) {
  const std::ptrdiff_t group_gradients =
      std::ptrdiff_t(unit.outputs) * plan.output_vectors * kLanes + kLanes;
  for (int first_group = 0; first_group < plan.groups; first_group += plan.fill_groups) {
    const int left = plan.groups - first_group;
    const int groups = left < plan.fill_groups ? left : plan.fill_groups;
    if (gradients.precision == Precision::kBf16) {
      copy_gradients<Bfloat16>(plan, unit, gradients, first_group, groups, work.gradients);
    } else {
      copy_gradients<float>(plan, unit, gradients, first_group, groups, work.gradients);
    }
    for (int c = 0; c < plan.chunks; ++c) {
      const int from = c * plan.chunk;
      const int channels =
          plan.group_inputs - from < plan.chunk ? plan.group_inputs - from : plan.chunk;
      fill_slab(plan, inputs,
                SlabFill{unit.image, unit.first_row, unit.rows,
                         first_group * plan.group_inputs + from, channels, groups},
                work.slab);
      for (int g = 0; g < groups; ++g) {
        const std::ptrdiff_t group_channels = plan.spread > 0 ? plan.spread : plan.group_inputs;
        chunk_gradient(
            plan, unit, work.slab + g * plan.group_values, channels,
            work.gradients + g * group_gradients,
            weights + ((first_group + g) * group_channels + from) * weights_per_channel(plan));
      }
    }
  }
}

/// Adds to `weights` (laid out as the correlation's, but [kernel row][column and input][lane] for
/// each chunk) the gradient from the outputs of some rows.
void kernel_gradient(const CorrelationPlan& plan, const RowRange& range, const Operand& inputs,
                     const Operand& gradients, const KernelGradientWorkspace& work,
                     float* weights) {
  for_each_unit(plan, range, [&](const Unit& unit) {
    unit_gradient(plan, unit, inputs, gradients, work, weights);
  });
}

/// Copies `count` pixels from `first` of channels [c, c + channels): [panel][pixel][panel width].
/// `position` gives a pixel's place in the operand.
template <typename Stored, Reading R, typename Width, typename Position>
void copy_panels(const Operand& operand, int c, int channels, int first, int count,
                 const Width& width, const Position& position, float* to) {
  for (int k = 0; k < channels;) {
    const int columns = width(channels - k);
    if (columns <= kLanes) {
      const ChannelReader<Stored, R> reader(operand, c + k);
      for (int p = 0; p < count; ++p, to += columns) store(to, reader.read(position(first + p)));
    } else {
      const ChannelReader<Stored, R> left(operand, c + k), right(operand, c + k + kLanes);
      for (int p = 0; p < count; ++p, to += columns) {
        const std::size_t at = position(first + p);
        store(to, left.read(at));
        store(to + kLanes, right.read(at));
      }
    }
    k += columns;
  }
}

template <typename Width, typename Position>
void copy_panels(const Operand& operand, int c, int channels, int first, int count,
                 const Width& width, const Position& position, float* to) {
  const auto copy = [&]<typename Stored>(Stored) {
    switch (reading_of(operand)) {
      case Reading::kPlain:
        return copy_panels<Stored, Reading::kPlain>(operand, c, channels, first, count, width,
                                                    position, to);
      case Reading::kAffine:
        return copy_panels<Stored, Reading::kAffine>(operand, c, channels, first, count, width,
                                                     position, to);
      case Reading::kAffineRelu:
        return copy_panels<Stored, Reading::kAffineRelu>(operand, c, channels, first, count, width,
                                                         position, to);
      case Reading::kGradient:
        return copy_panels<Stored, Reading::kGradient>(operand, c, channels, first, count, width,
                                                       position, to);
    }
  };
  if (operand.precision == Precision::kBf16) {
    copy(Bfloat16{});
  } else {
    copy(float{});
  }
}

constexpr int kOutputPanel = tile_pixels(2);

/// Inputs whose columns share a tile.
inline int input_columns(int left) {
  return left > kLanes ? 2 * kLanes : kLanes;
}

/// Adds to, or with `first` sets, some rows of the gradient: `outputs` and `inputs` as
/// copy_panels() leaves them, one panel of inputs.
template <int NV>
void matrix_panel(const float* outputs, int output_count, const float* inputs, int input_count,
                  int pixels, bool first, float* out, std::ptrdiff_t stride) {
  constexpr int kColumns = NV * kLanes;
  alignas(64) float tile[kOutputPanel * kColumns];
  const int columns = input_count < kColumns ? input_count : kColumns;
  for (int o = 0; o < output_count; o += kOutputPanel) {
    const OuterFactors factors = {outputs + std::ptrdiff_t(o) * pixels, kOutputPanel, inputs,
                                  kColumns, pixels};
    if (columns == kColumns && o + kOutputPanel <= output_count) {
      float* rows = out + o * stride;
      outer_tile<kOutputPanel, NV>(factors, TileSums{first ? nullptr : rows, stride}, rows, stride);
      continue;
    }
    outer_tile<kOutputPanel, NV>(factors, TileSums{nullptr, 0}, tile, kColumns);
    for (int r = 0; r < kOutputPanel && o + r < output_count; ++r) {
      float* row = out + (o + r) * stride;
      const float* sums = tile + r * kColumns;
      int k = 0;
      for (; k + kLanes <= columns; k += kLanes) {
        store(row + k, first ? load(sums + k) : load(row + k) + load(sums + k));
      }
      for (; k < columns; ++k) row[k] = first ? sums[k] : row[k] + sums[k];
    }
  }
}

void matrix_gradient(const MatrixGradient& m, const MatrixGradientPart& part, const Operand& inputs,
                     const Operand& gradients, const MatrixGradientWorkspace& work, float* out) {
  const auto output_width = [](int) { return kOutputPanel; };
  const auto input_width = [](int left) { return input_columns(left); };
  const auto output_position = [&m](int p) { return std::size_t(p) * std::size_t(m.outputs); };
  const auto input_position = [&m](int p) {
    if (m.step == 1) return std::size_t(p) * std::size_t(m.inputs);
    const int row = p / m.width, x = p % m.width;
    const int image = row / m.height, y = row % m.height;
    return ((std::size_t(image) * m.in_height + std::size_t(y) * m.step) * m.in_width +
            std::size_t(x) * m.step) *
           std::size_t(m.inputs);
  };
  for (int p = part.first_pixel; p < part.pixel_end; p += kPixelRun) {
    const int pixels = part.pixel_end - p < kPixelRun ? part.pixel_end - p : kPixelRun;
    copy_panels(inputs, 0, m.inputs, p, pixels, input_width, input_position, work.inputs);
    for (int o = part.first_output; o < part.output_end; o += kOutputRun) {
      const int outputs = part.output_end - o < kOutputRun ? part.output_end - o : kOutputRun;
      copy_panels(gradients, o, outputs, p, pixels, output_width, output_position, work.outputs);
      const bool first = p == part.first_pixel;
      for (int i = 0; i < m.inputs;) {
        const int columns = input_columns(m.inputs - i);
        const float* panel = work.inputs + std::ptrdiff_t(i) * pixels;
        float* to = out + std::ptrdiff_t(o) * m.inputs + i;
        if (columns == kLanes) {
          matrix_panel<1>(work.outputs, outputs, panel, m.inputs - i, pixels, first, to, m.inputs);
        } else {
          matrix_panel<2>(work.outputs, outputs, panel, m.inputs - i, pixels, first, to, m.inputs);
        }
        i += columns;
      }
    }
  }
}

}  // namespace
}  // namespace resnext::net::cpu::RESNEXT_KERNEL_NAMESPACE
