#include "net/cpu/packed_weights.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "net/cpu/bfloat16.h"
#include "net/cpu/thread_team.h"

namespace resnext::net::cpu {
namespace {

/// Must agree with panel_vectors() in kernels/correlation_source.h.
int panel_vectors(int left) {
  if (left == 1) return 1;
  return left % 2 == 0 ? 2 : 3;
}

/// Position in the canonical weights of the one between input `c` and output `n` of group `g`, at
/// (row, column) of the correlation's kernel; -1 where there is none.
class CanonicalIndex {
 public:
  explicit CanonicalIndex(const WeightPacking& packing)
      : p_(packing),
        inputs_(packing.plan.shape.in_channels / packing.plan.shape.groups),
        outputs_(packing.plan.shape.out_channels / packing.plan.shape.groups) {}

  std::ptrdiff_t operator()(int g, int c, int n, int row, int column) const {
    if (p_.plan.spread > 0) {
      g = g * (p_.lanes / p_.plan.spread) + n / p_.plan.spread;
      n %= p_.plan.spread;
    }
    if (n >= outputs_) return -1;
    const std::ptrdiff_t first =
        p_.transposed ? std::ptrdiff_t(g) * inputs_ + c : std::ptrdiff_t(g) * outputs_ + n;
    const std::ptrdiff_t matrix = p_.transposed ? first * outputs_ + n : first * inputs_ + c;
    return (matrix * p_.kernel + p_.first_row + row * p_.step) * p_.kernel + p_.first_column +
           column * p_.step;
  }

  /// From one input (output) to the next, where groups do not share vectors.
  std::ptrdiff_t output_step() const {
    return std::ptrdiff_t(p_.kernel) * p_.kernel * (p_.transposed ? 1 : inputs_);
  }

 private:
  const WeightPacking& p_;
  int inputs_, outputs_;
};

int inputs_of_group(const CorrelationPlan& plan) {
  return plan.spread > 0 ? plan.spread : plan.group_inputs;
}

/// So many vectors of outputs, from some on, by `channels` inputs of a group's.
struct Panel {
  int group, from, channels, vector, vectors;
};

/// Calls body(Panel) for the panels of a chunk that thread `thread` packs.
template <typename Body>
void for_each_panel(const CorrelationPlan& plan, Panel panel, int thread, int threads,
                    const Body& body) {
  int next = 0;
  for (panel.vector = 0; panel.vector < plan.output_vectors; panel.vector += panel.vectors) {
    panel.vectors = panel_vectors(plan.output_vectors - panel.vector);
    if (next++ % threads == thread) body(panel);
  }
}

/// Where a panel begins in the packed weights.
std::size_t position(const WeightPacking& p, const Panel& panel) {
  const CorrelationShape& s = p.plan.shape;
  const std::size_t inputs = std::size_t(panel.group) * inputs_of_group(p.plan) + panel.from;
  return std::size_t(s.kernel_height) * s.kernel_width * p.lanes *
         (inputs * p.plan.output_vectors + std::size_t(panel.channels) * panel.vector);
}

std::size_t values_of(const WeightPacking& p, const Panel& panel) {
  const CorrelationShape& s = p.plan.shape;
  return std::size_t(s.kernel_height) * s.kernel_width * p.lanes * panel.channels * panel.vectors;
}

void pack_panel(const WeightPacking& p, std::span<const float> canonical, const Panel& panel,
                float* to) {
  const CorrelationShape& s = p.plan.shape;
  const CanonicalIndex index(p);
  const int lanes = panel.vectors * p.lanes;
  const int first = panel.vector * p.lanes;
  const int existing = std::min(lanes, p.plan.group_outputs - first);
  for (int row = 0; row < s.kernel_height; ++row) {
    for (int column = 0; column < s.kernel_width; ++column) {
      for (int c = 0; c < panel.channels; ++c, to += lanes) {
        if (p.plan.spread > 0) {
          for (int n = 0; n < lanes; ++n) {
            to[n] = canonical[index(panel.group, c, n, row, column)];
          }
          continue;
        }
        const float* from = &canonical[index(panel.group, panel.from + c, first, row, column)];
        const std::ptrdiff_t step = index.output_step();
        for (int n = 0; n < existing; ++n) to[n] = from[n * step];
        std::fill(to + existing, to + lanes, 0.0F);
      }
    }
  }
}

/// Inputs packed at once, so that memory is read by whole lines, of rows that are few enough.
constexpr int kBlock = 16;
constexpr int kRun = 4 * kBlock;

using Four = float __attribute__((vector_size(16)));

/// to[c][n] = from[n][c] for c, n < 4; rows are `from_step` and `to_step` apart.
void transpose_four(const float* from, std::size_t from_step, float* to, std::size_t to_step) {
  Four a, b, c, d;
  std::memcpy(&a, from, sizeof a);
  std::memcpy(&b, from + from_step, sizeof b);
  std::memcpy(&c, from + 2 * from_step, sizeof c);
  std::memcpy(&d, from + 3 * from_step, sizeof d);
  const Four ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
  const Four ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  const Four cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5);
  const Four cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  const Four rows[4] = {__builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5),
                        __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7),
                        __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5),
                        __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7)};
  for (int row = 0; row < 4; ++row) std::memcpy(to + row * to_step, &rows[row], sizeof(Four));
}

/// to[c][n] = from[n][c] for n < rows, zero for others up to `lanes`; rows of `from` are `step`
/// apart.
void transpose_block(const float* from, std::size_t step, int rows, int columns, int lanes,
                     float* to) {
  const int whole_rows = rows / 4 * 4, whole_columns = columns / 4 * 4;
  for (int n = 0; n < whole_rows; n += 4) {
    for (int c = 0; c < whole_columns; c += 4) {
      transpose_four(from + n * step + c, step, to + std::size_t(c) * lanes + n, lanes);
    }
  }
  for (int c = 0; c < columns; ++c, to += lanes) {
    for (int n = c < whole_columns ? whole_rows : 0; n < rows; ++n) to[n] = from[n * step + c];
    std::fill(to + rows, to + lanes, 0.0F);
  }
}

/// Inputs [first, first + count) of the panel of a 1x1 kernel.
void pack_pointwise(const WeightPacking& p, std::span<const float> canonical, const Panel& panel,
                    int first, int count, float* to) {
  const CanonicalIndex index(p);
  const int lanes = panel.vectors * p.lanes;
  const int output = panel.vector * p.lanes;
  const int existing = std::min(lanes, p.plan.group_outputs - output);
  const float* from = &canonical[index(panel.group, panel.from + first, output, 0, 0)];
  to += std::size_t(first) * lanes;
  if (p.transposed) {
    for (int c = 0; c < count; ++c, from += p.plan.group_outputs, to += lanes) {
      std::copy_n(from, existing, to);
      std::fill(to + existing, to + lanes, 0.0F);
    }
    return;
  }
  for (int c = 0; c < count; c += kBlock) {
    transpose_block(from + c, index.output_step(), existing, std::min(kBlock, count - c), lanes,
                    to + std::size_t(c) * lanes);
  }
}

}  // namespace

std::size_t WeightPacking::count() const {
  const CorrelationShape& s = plan.shape;
  return std::size_t(s.kernel_height) * s.kernel_width * plan.groups * inputs_of_group(plan) *
         plan.output_vectors * lanes;
}

void WeightPacking::pack(std::span<const float> canonical, float* packed, int thread,
                         int threads) const {
  const int inputs = inputs_of_group(plan);
  const bool pointwise = kernel == 1 && plan.spread == 0;
  const int chunks = (inputs + plan.chunk - 1) / plan.chunk;
  for (int unit = 0; unit < plan.groups * chunks; ++unit) {
    const int from = unit % chunks * plan.chunk;
    const Panel chunk{unit / chunks, from, std::min(plan.chunk, inputs - from), 0, 0};
    for (int c = 0; c < (pointwise ? chunk.channels : 1); c += kRun) {
      for_each_panel(plan, chunk, thread, threads, [&](const Panel& panel) {
        float* to = packed + position(*this, panel);
        if (pointwise) {
          pack_pointwise(*this, canonical, panel, c, std::min(kRun, chunk.channels - c), to);
        } else {
          pack_panel(*this, canonical, panel, to);
        }
      });
    }
    if (!rounded) continue;
    for_each_panel(plan, chunk, thread, threads, [&](const Panel& panel) {
      float* first = packed + position(*this, panel);
      std::transform(first, first + values_of(*this, panel), first,
                     [](float w) { return from_bf16(to_bf16(w)); });
    });
  }
}

bool WeightPacking::same_as(const WeightPacking& other) const {
  const auto key = [](const WeightPacking& p) {
    return std::array{int(p.transposed),
                      int(p.rounded),
                      p.first_row,
                      p.first_column,
                      p.step,
                      p.lanes,
                      p.plan.groups,
                      p.plan.spread,
                      p.plan.chunk,
                      p.plan.chunks,
                      p.plan.group_outputs,
                      p.plan.shape.kernel_height,
                      p.plan.shape.kernel_width};
  };
  return key(*this) == key(other);
}

void unpack_gradient(const WeightPacking& packing, std::span<const float> packed, int threads,
                     int worker_threads, std::span<float> canonical) {
  const CorrelationPlan& plan = packing.plan;
  const CorrelationShape& s = plan.shape;
  const CanonicalIndex index(packing);
  const int inputs = inputs_of_group(plan), lanes = plan.output_vectors * packing.lanes;
  const std::size_t count = packing.count();
  const std::size_t group_values = std::size_t(s.kernel_height) * s.kernel_width * inputs * lanes;
  const auto unpack_group = [&](int group) {
    const float* from = packed.data() + group * group_values;
    for (int first = 0; first < inputs; first += plan.chunk) {
      const int channels = std::min(plan.chunk, inputs - first);
      for (int row = 0; row < s.kernel_height; ++row) {
        for (int column = 0; column < s.kernel_width; ++column) {
          for (int c = 0; c < channels; ++c, from += lanes) {
            for (int n = 0; n < plan.group_outputs; ++n) {
              float sum = from[n];
              for (int t = 1; t < threads; ++t) sum += from[t * count + n];
              canonical[index(group, first + c, n, row, column)] = sum;
            }
          }
        }
      }
    }
  };
  on_each_thread(worker_threads, [&](int thread) {
    const Share share = share_of(plan.groups, thread, worker_threads);
    for (int group = share.first; group < share.end; ++group) unpack_group(group);
  });
}

}  // namespace resnext::net::cpu
