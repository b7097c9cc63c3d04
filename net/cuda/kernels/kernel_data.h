#pragma once
// What kernels are given in memory, as hosts and nvcc both see it.

#include <cstddef>

#include "net/cuda/weight_layout.h"

namespace resnext::net::cuda::kernels {

/// What a row of logits says of its image.
struct RowMetrics {
  float loss;
  int before;  ///< classes that rank before the label
};

/// What a batch is computed with, beside its images and labels.
struct BatchHeader {
  float loss_scale;
};

/// One parameter: its place in the arena, and its working form.
struct ParameterEntry {
  std::size_t arena_offset;
  void* working;
  int inputs, height, width;  ///< (O, I, height, width) in the arena
  int padded_inputs;
  int block_outputs;  ///< see WorkingParameter
  bool is_bf16;
};

inline ParameterEntry parameter_entry(const WorkingParameter& parameter, void* working) {
  return {parameter.arena_offset,  working,
          parameter.inputs,        parameter.height,
          parameter.width,         parameter.padded_inputs,
          parameter.block_outputs, parameter.type == DataType::kBf16};
}

}  // namespace resnext::net::cuda::kernels
