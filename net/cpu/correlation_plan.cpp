#include "net/cpu/correlation_plan.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace resnext::net::cpu {
namespace {

// A tile's weights should stay in a core's first cache with its inputs: so many inputs of so many
// outputs (two vectors).
constexpr int kInputsAtOnce = 384;
// A slab should stay in its second cache.
constexpr int kSlabValues = 24 << 10;
constexpr int kSumsValues = 64 << 10;
constexpr int kChannelsFilledAtOnce = 32;
// Weights that stay in its first cache beside a tile.
constexpr int kWeightsNear = 4 << 10;
// 1x1 convolutions: outputs of a unit.
constexpr int kFewestOutputs = 72, kMostOutputs = 168;

int round_up(int value, int multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

int divided_up(int value, int divisor) {
  return (value + divisor - 1) / divisor;
}

/// The largest divisor of `value` up to `limit`; `value` itself where that would be tiny.
int large_divisor(int value, int limit) {
  for (int divisor = std::min(value, limit); divisor >= 8; --divisor) {
    if (value % divisor == 0) return divisor;
  }
  return value;
}

bool is_pointwise(const CorrelationShape& s) {
  return s.kernel_height == 1 && s.kernel_width == 1 && s.top == 0 && s.left == 0;
}

/// Pixels of a pointwise correlation need not know of images and rows, only of where rows end.
void flatten(CorrelationShape& s) {
  const bool same_grid = s.out_step == 1 && s.in_height == s.height && s.in_width == s.width;
  if (!is_pointwise(s) || s.stride != 1 || !same_grid) return;
  s.height = s.in_height = s.out_height = s.images * s.height;
  s.images = 1;
}

void plan_groups(CorrelationPlan& plan, int lanes) {
  const CorrelationShape& s = plan.shape;
  const int inputs = s.in_channels / s.groups, outputs = s.out_channels / s.groups;
  const bool shares_vectors = s.groups > 1 && inputs == outputs && inputs < lanes &&
                              lanes % inputs == 0 && s.groups % (lanes / inputs) == 0;
  plan.spread = shares_vectors ? inputs : 0;
  plan.groups = shares_vectors ? s.groups * inputs / lanes : s.groups;
  plan.group_inputs = shares_vectors ? lanes : inputs;
  plan.group_outputs = shares_vectors ? lanes : outputs;
  plan.output_vectors = divided_up(plan.group_outputs, lanes);
}

void plan_chunks(CorrelationPlan& plan, int lanes) {
  const CorrelationShape& s = plan.shape;
  if (s.kernel_width == 1) {
    const int most = std::max(lanes, kInputsAtOnce / s.kernel_height);
    plan.chunks = divided_up(plan.group_inputs, most);
    plan.chunk =
        std::min(plan.group_inputs, round_up(divided_up(plan.group_inputs, plan.chunks), lanes));
    // Rows of a power of two would share few sets of the cache.
    plan.pixel = plan.chunk % 64 == 0 ? plan.chunk + 16 : plan.chunk;
  } else {
    // Runs of kernel columns must follow each other: chunks of one size.
    const int most = std::max(16, kInputsAtOnce / (s.kernel_height * s.kernel_width));
    plan.chunk = plan.spread > 0 ? plan.group_inputs : large_divisor(plan.group_inputs, most);
    plan.pixel = plan.chunk;
  }
  plan.chunks = divided_up(plan.group_inputs, plan.chunk);
  plan.tiles_first =
      plan.spread == 0 && plan.chunks == 1 && plan.output_vectors > 2 &&
      plan.output_vectors % 2 == 0 &&
      s.kernel_height * s.kernel_width * plan.chunk * plan.output_vectors * lanes <= kWeightsNear;
  plan.fill_groups =
      plan.chunks > 1 ? 1 : std::clamp(kChannelsFilledAtOnce / plan.group_inputs, 1, plan.groups);
}

/// Rows of a unit, of outputs in units of whole tiles as far as possible.
int pointwise_rows(const CorrelationShape& s, int tile) {
  if (s.width >= kMostOutputs) return 1;
  int best = 1;
  double least_waste = std::numeric_limits<double>::max();
  for (int rows = divided_up(kFewestOutputs, s.width); rows * s.width <= kMostOutputs; ++rows) {
    const int outputs = rows * s.width;
    const double waste = double(round_up(outputs, tile)) / outputs;
    if (waste < least_waste - 1e-9) {
      least_waste = waste;
      best = rows;
    }
  }
  return std::min(best, s.height);
}

int windowed_rows(const CorrelationPlan& plan, int lanes) {
  const CorrelationShape& s = plan.shape;
  const int row_values = plan.slab_width * plan.pixel * plan.fill_groups;
  int rows = (kSlabValues / row_values - s.kernel_height) / s.stride + 1;
  if (plan.chunks > 1) {
    rows = std::min(rows, kSumsValues / (plan.virtual_width * plan.output_vectors * lanes));
  }
  rows = std::clamp(rows, 1, s.height);
  return divided_up(s.height, divided_up(s.height, rows));
}

void plan_slab(CorrelationPlan& plan) {
  const CorrelationShape& s = plan.shape;
  const int needed = (s.width - 1) * s.stride + s.kernel_width;
  const int left = std::max(0, s.left), skipped = left - s.left;
  const int available = std::max(0, divided_up(s.in_width, plan.fill_step) - skipped);
  const int used = std::min(available, needed - left);
  const int right = needed - left - used;  // zeros; the next row's left ones serve
  plan.slab_width = round_up(left + used + std::max(0, right - left), s.stride);
  plan.virtual_width = plan.slab_width / s.stride;
}

void plan_memory(CorrelationPlan& plan, const KernelSet& kernels) {
  const CorrelationShape& s = plan.shape;
  const int tile = *std::max_element(kernels.tile_pixels + 1, kernels.tile_pixels + 4);
  const int slab_rows = plan.block_rows - 1 + divided_up(s.kernel_height, s.stride);
  const int spare = 2 * s.kernel_width + s.stride + tile * s.stride;
  plan.parity_values = std::ptrdiff_t(slab_rows * plan.slab_width + spare) * plan.pixel + 16;
  plan.group_values = plan.parity_values * s.stride;
  plan.slab_total = std::size_t(plan.group_values) * plan.fill_groups + 64;
  const std::size_t outputs = std::size_t(most_outputs(plan)) + 2 * tile;
  plan.pixels_total = outputs + 32;
  plan.sums_total = plan.chunks > 1 ? outputs * plan.output_vectors * kernels.lanes : 0;
}

}  // namespace

int most_outputs(const CorrelationPlan& plan) {
  return (plan.block_rows - 1) * plan.virtual_width + plan.shape.width;
}

CorrelationPlan plan_correlation(const CorrelationShape& shape, const KernelSet& kernels) {
  CorrelationPlan plan;
  plan.shape = shape;
  CorrelationShape& s = plan.shape;
  if (s.kernel_height > kMostKernelRows) {
    throw std::logic_error("no plan for a kernel this large");
  }
  if (is_pointwise(s) && s.stride > 1) {
    plan.fill_step = s.stride;
    s.stride = 1;
  }
  if (plan.fill_step == 1) flatten(s);
  plan_groups(plan, kernels.lanes);
  plan_chunks(plan, kernels.lanes);
  plan_slab(plan);
  plan.block_rows = is_pointwise(s) ? pointwise_rows(s, kernels.tile_pixels[2])
                                    : windowed_rows(plan, kernels.lanes);
  plan_memory(plan, kernels);
  return plan;
}

CorrelationShape forward_shape(const Node& convolution, const Shape& input, int images) {
  CorrelationShape s;
  s.images = images;
  s.in_height = input.height;
  s.in_width = input.width;
  s.in_channels = input.channels;
  s.height = s.out_height = convolution.output.height;
  s.width = s.out_width = convolution.output.width;
  s.out_channels = convolution.output.channels;
  s.groups = convolution.groups;
  s.kernel_height = s.kernel_width = convolution.window.kernel;
  s.stride = convolution.window.stride;
  s.top = s.left = convolution.window.padding;
  return s;
}

namespace {

struct Axis {
  int kernel = 0;  ///< rows of the kernel that these inputs meet
  int before = 0;
};

/// Input row i = y * stride + remainder meets kernel row k where i + padding - k is a multiple of
/// the stride; with rows in falling order, output row y + t - before meets row t.
Axis backward_axis(const Window& window, int remainder) {
  const int first = (remainder + window.padding) % window.stride;
  if (first >= window.kernel) return {};
  const int count = (window.kernel - 1 - first) / window.stride + 1;
  const int largest = first + (count - 1) * window.stride;
  return {count, (largest - remainder - window.padding) / window.stride};
}

}  // namespace

CorrelationShape backward_shape(const Node& convolution, const Shape& input, int images, int row,
                                int column) {
  const Window& window = convolution.window;
  const Axis vertical = backward_axis(window, row), horizontal = backward_axis(window, column);
  CorrelationShape s;
  s.images = images;
  s.in_height = convolution.output.height;
  s.in_width = convolution.output.width;
  s.in_channels = convolution.output.channels;
  s.height = divided_up(std::max(0, input.height - row), window.stride);
  s.width = divided_up(std::max(0, input.width - column), window.stride);
  s.out_channels = input.channels;
  s.groups = convolution.groups;
  s.kernel_height = vertical.kernel;
  s.kernel_width = horizontal.kernel;
  s.top = vertical.before;
  s.left = horizontal.before;
  s.out_height = input.height;
  s.out_width = input.width;
  s.out_step = window.stride;
  s.out_top = row;
  s.out_left = column;
  return s;
}

}  // namespace resnext::net::cpu
