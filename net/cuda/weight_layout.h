#pragma once
// Where an engine's working copy of each parameter lies: filters with channels innermost, padded to
// what cuDNN computes with, in the type it computes in. The arena itself stays in canonical order.

#include <vector>

#include "net/cuda/tensor_graph.h"
#include "net/graph.h"

namespace resnext::net::cuda {

/// cuDNN's batch-norm, and its fast convolutions, want channels in eights.
inline constexpr int kChannelUnit = 8;
inline constexpr std::size_t kDeviceAlignment = 256;  ///< bytes, as cudaMalloc's

/// Channels as a device holds them: those beyond `channels` are zero throughout.
int padded_channels(int channels);

/// One parameter as (outputs, k, k, inputs): its values, and room for padding.
struct WorkingParameter {
  DataType type = DataType::kFloat;
  std::size_t arena_offset = 0;                        ///< in values
  std::size_t offset = 0;                              ///< in the working copy, in bytes
  int outputs = 1, inputs = 1, height = 1, width = 1;  ///< as in the arena: (O, I, height, width)
  int padded_outputs = 1, padded_inputs = 1;
  /// Of a grouped convolution that is computed as a dense one: how many outputs of a group; its
  /// weights then lie in blocks on the diagonal. 0: inputs are where the arena has them.
  int block_outputs = 0;

  std::size_t values() const { return std::size_t(outputs) * inputs * height * width; }
  std::size_t padded_values() const {
    return std::size_t(padded_outputs) * padded_inputs * height * width;
  }
  std::size_t bytes() const { return bytes_of(type, padded_values()); }
  Dims dims() const { return {padded_outputs, padded_inputs, height, width}; }
};

struct WeightLayout {
  std::vector<WorkingParameter> parameters;  ///< in the graph's order
  std::size_t bytes = 0;
};

/// Grouped convolutions whose channels more groups cannot pad to eights become dense ones.
WeightLayout lay_out_weights(const Graph& graph, DataType type);

/// Running statistics in fp32, each padded to its channels: byte offsets in the graph's order.
struct StatisticLayout {
  std::vector<std::size_t> offsets;
  std::size_t bytes = 0;
};
StatisticLayout lay_out_statistics(const Graph& graph);

}  // namespace resnext::net::cuda
