#include "net/cuda/weight_layout.h"

namespace resnext::net::cuda {
namespace {

std::size_t aligned(std::size_t bytes) {
  return (bytes + kDeviceAlignment - 1) / kDeviceAlignment * kDeviceAlignment;
}

/// Padding a grouped convolution adds whole groups, so the padding must be the same multiple of a
/// group's width on both sides.
bool pads_by_groups(const Graph& graph, const Node& node) {
  const int inputs = graph.nodes[std::size_t(node.inputs[0])].output.channels;
  const int outputs = node.output.channels;
  const int in_group = inputs / node.groups, out_group = outputs / node.groups;
  const int more_in = padded_channels(inputs) - inputs;
  const int more_out = padded_channels(outputs) - outputs;
  return more_in % in_group == 0 && more_out % out_group == 0 &&
         more_in / in_group == more_out / out_group;
}

WorkingParameter filter(const Graph& graph, const Node& node, DataType type) {
  const Shape& from = graph.nodes[std::size_t(node.inputs[0])].output;
  WorkingParameter working;
  working.type = type;
  working.outputs = node.output.channels;
  working.padded_outputs = padded_channels(working.outputs);
  if (node.op == Op::kLinear) {
    working.inputs = from.channels;
    working.padded_inputs = padded_channels(from.channels);
    working.height = from.height;
    working.width = from.width;
    return working;
  }
  const bool grouped = node.groups > 1 && pads_by_groups(graph, node);
  working.inputs = from.channels / node.groups;
  working.padded_inputs = grouped ? working.inputs : padded_channels(from.channels);
  if (node.groups > 1 && !grouped) working.block_outputs = working.outputs / node.groups;
  working.height = working.width = node.window.kernel;
  return working;
}

WorkingParameter vector(int channels) {
  WorkingParameter working;
  working.outputs = channels;
  working.padded_outputs = padded_channels(channels);
  return working;
}

}  // namespace

int padded_channels(int channels) {
  return (channels + kChannelUnit - 1) / kChannelUnit * kChannelUnit;
}

WeightLayout lay_out_weights(const Graph& graph, DataType type) {
  WeightLayout layout;
  layout.parameters.resize(graph.parameters.size());
  for (const Node& node : graph.nodes) {
    for (std::size_t i = 0; i < node.parameters.size(); ++i) {
      const bool is_filter = node.op != Op::kBatchNorm && i == 0;
      const auto index = std::size_t(node.parameters[i]);
      layout.parameters[index] =
          is_filter ? filter(graph, node, type) : vector(node.output.channels);
    }
  }
  for (std::size_t i = 0; i < layout.parameters.size(); ++i) {
    WorkingParameter& parameter = layout.parameters[i];
    parameter.arena_offset = graph.parameters[i].offset;
    parameter.offset = layout.bytes;
    layout.bytes += aligned(parameter.bytes());
  }
  return layout;
}

StatisticLayout lay_out_statistics(const Graph& graph) {
  StatisticLayout layout;
  for (const Statistic& statistic : graph.statistics) {
    layout.offsets.push_back(layout.bytes);
    const int padded = padded_channels(static_cast<int>(statistic.count));
    layout.bytes += aligned(bytes_of(DataType::kFloat, std::size_t(padded)));
  }
  return layout;
}

}  // namespace resnext::net::cuda
