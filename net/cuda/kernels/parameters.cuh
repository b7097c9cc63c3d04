#pragma once
// Between the arena (fp32, canonical order) and the engine's working parameters (net/cuda/
// weight_layout.h), and from gradients to new weights. Every value is computed by itself, in an
// order of additions that depends on nothing but the number of parts.

#include "net/cuda/kernels/element.cuh"
#include "net/cuda/kernels/kernel_data.h"

namespace resnext::net::cuda::kernels {

/// The entry that arena value `i` belongs to; entries are in the arena's order, without gaps.
__device__ inline const ParameterEntry& entry_of(const ParameterEntry* entries, int count,
                                                 std::size_t i) {
  int low = 0, high = count - 1;
  while (low < high) {
    const int middle = (low + high + 1) / 2;
    if (entries[middle].arena_offset <= i) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return entries[low];
}

/// (o, i, y, x) of the arena is (o, y, x, i) of the working form.
__device__ inline std::size_t working_index(const ParameterEntry& entry, std::size_t i) {
  const std::size_t at = i - entry.arena_offset;
  const std::size_t column = at % entry.width;
  const std::size_t row = at / entry.width % entry.height;
  const std::size_t input = at / entry.width / entry.height % entry.inputs;
  const std::size_t output = at / entry.width / entry.height / entry.inputs;
  const std::size_t block =
      entry.block_outputs > 0 ? output / entry.block_outputs * entry.inputs : 0;
  return ((output * entry.height + row) * entry.width + column) * entry.padded_inputs + block +
         input;
}

/// Working parameters from the arena's values [first, last); padding is left as it is.
__global__ void pack_parameters(const float* arena, const ParameterEntry* entries, int count,
                                std::size_t first, std::size_t last) {
  for (std::size_t i = first + first_element(); i < last; i += element_stride()) {
    const ParameterEntry& entry = entry_of(entries, count, i);
    const std::size_t to = working_index(entry, i);
    if (entry.is_bf16) {
      store(static_cast<Bf16*>(entry.working) + to, arena[i]);
    } else {
      static_cast<float*>(entry.working)[to] = arena[i];
    }
  }
}

/// The arena's values [first, last) from working gradients.
__global__ void export_gradients(const ParameterEntry* entries, int count, float* arena,
                                 std::size_t first, std::size_t last) {
  for (std::size_t i = first + first_element(); i < last; i += element_stride()) {
    const ParameterEntry& entry = entry_of(entries, count, i);
    const std::size_t from = working_index(entry, i);
    arena[i] = entry.is_bf16 ? to_float(static_cast<const Bf16*>(entry.working)[from])
                             : static_cast<const float*>(entry.working)[from];
  }
}

/// to += from.
__global__ void add_values(float* to, const float* from, std::size_t count) {
  for (std::size_t i = first_element(); i < count; i += element_stride()) to[i] += from[i];
}

inline constexpr int kTreeLevels = 16;

/// The sum of `parts` values `pitch` apart, as one balanced tree: neighbours in pairs, level by
/// level, an odd one out moving up. Kept as a binary counter of sums of 1, 2, 4, … parts.
__device__ inline float tree_sum(const float* values, int parts, std::size_t pitch) {
  float levels[kTreeLevels];
  float value = values[0];
  for (int part = 0; part < parts; ++part) {
    value = values[part * pitch];
    const bool last = part + 1 == parts;
    bool carried = true;
#pragma unroll
    for (int level = 0; level < kTreeLevels; ++level) {
      const bool occupied = ((part >> level) & 1) != 0;
      if (occupied && (last || carried)) value = levels[level] + value;
      if (!occupied && carried) {
        carried = false;
        if (!last) levels[level] = value;
      }
    }
  }
  return value;
}

/// to[i] = tree sum over parts of from[part * pitch + i]; may be in place.
__global__ void sum_parts(const float* from, int parts, std::size_t pitch, float* to,
                          std::size_t count) {
  for (std::size_t i = first_element(); i < count; i += element_stride()) {
    to[i] = tree_sum(from + i, parts, pitch);
  }
}

struct SgdRule {
  float learning_rate, momentum, weight_decay;
  bool nesterov;
};

/// `factor`: of the gradient, where it is clipped; null: 1.
__global__ void update(SgdRule rule, const float* gradients, const float* factor, float* momentum,
                       float* parameters, std::size_t count) {
  for (std::size_t i = first_element(); i < count; i += element_stride()) {
    const float raw = factor != nullptr ? gradients[i] * *factor : gradients[i];
    const float gradient = raw + rule.weight_decay * parameters[i];
    const float moved = rule.momentum * momentum[i] + gradient;
    momentum[i] = moved;
    const float step = rule.nesterov ? gradient + rule.momentum * moved : moved;
    parameters[i] -= rule.learning_rate * step;
  }
}

/// Sums of squares of blocks of `block` values.
__global__ void block_squares(const float* values, std::size_t count, int block, double* squares) {
  const std::size_t blocks = (count + block - 1) / block;
  for (std::size_t i = first_element(); i < blocks; i += element_stride()) {
    double sum = 0;
    const std::size_t last = (i + 1) * block < count ? (i + 1) * block : count;
    for (std::size_t k = i * block; k < last; ++k) {
      sum += static_cast<double>(values[k]) * static_cast<double>(values[k]);
    }
    squares[i] = sum;
  }
}

/// Root of the blocks' sum, and what a gradient of that norm is multiplied by, as
/// torch.nn.utils.clip_grad_norm_ does it: limit / (norm + 1e-6), at most 1. One thread.
__global__ void clipping_factor(const double* squares, std::size_t blocks, double limit,
                                double* norm, float* factor) {
  double sum = 0;
  for (std::size_t i = 0; i < blocks; ++i) sum += squares[i];
  *norm = sqrt(sum);
  const double ratio = limit / (*norm + 1e-6);
  *factor = ratio > 1 ? 1.0F : static_cast<float>(ratio);
}

}  // namespace resnext::net::cuda::kernels
