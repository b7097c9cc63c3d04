#include "net/cpu/packed_weights.h"

#include <algorithm>
#include <array>

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

struct Panel {
  int group, from, channels, vector, vectors;
};

float* pack_panel(const WeightPacking& p, std::span<const float> canonical, const Panel& panel,
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
  return to;
}

}  // namespace

std::size_t WeightPacking::count() const {
  const CorrelationShape& s = plan.shape;
  return std::size_t(s.kernel_height) * s.kernel_width * plan.groups * inputs_of_group(plan) *
         plan.output_vectors * lanes;
}

void WeightPacking::pack(std::span<const float> canonical, float* packed) const {
  float* to = packed;
  const int inputs = inputs_of_group(plan);
  for (int group = 0; group < plan.groups; ++group) {
    for (int from = 0; from < inputs; from += plan.chunk) {
      const int channels = std::min(plan.chunk, inputs - from);
      for (int vector = 0; vector < plan.output_vectors;) {
        const int vectors = panel_vectors(plan.output_vectors - vector);
        to = pack_panel(*this, canonical, {group, from, channels, vector, vectors}, to);
        vector += vectors;
      }
    }
  }
  if (rounded) std::transform(packed, to, packed, [](float w) { return from_bf16(to_bf16(w)); });
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
