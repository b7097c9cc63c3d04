#include "net/cpu/grouped_weights.h"

#include <algorithm>

namespace resnext::net::cpu {
namespace {

constexpr int kVectorChannels =
    16;  // oneDNN's channel blocks with AVX-512; also whole AVX2 vectors

}  // namespace

std::size_t GroupedWeights::canonical_count() const {
  return std::size_t(groups) * outputs_per_group * inputs_per_group * kernel * kernel;
}

dnnl::memory::dims GroupedWeights::dims() const {
  const dnnl::memory::dim outputs = outputs_per_group * merged, inputs = inputs_per_group * merged;
  if (merged_groups() == 1) return {outputs, inputs, kernel, kernel};
  return {merged_groups(), outputs, inputs, kernel, kernel};
}

dnnl::memory::desc GroupedWeights::plain_descriptor() const {
  using Tag = dnnl::memory::format_tag;
  return {dims(), dnnl::memory::data_type::f32, merged_groups() == 1 ? Tag::oihw : Tag::goihw};
}

dnnl::memory::desc GroupedWeights::any_descriptor() const {
  return {dims(), dnnl::memory::data_type::f32, dnnl::memory::format_tag::any};
}

void GroupedWeights::expand(std::span<const float> canonical, std::span<float> dense) const {
  std::fill(dense.begin(), dense.end(), 0.0F);
  const std::size_t row = std::size_t(inputs_per_group) * kernel * kernel;
  for (std::size_t output = 0; output < std::size_t(groups) * outputs_per_group; ++output) {
    const std::size_t place = output / outputs_per_group % merged;  // of the group in its merger
    std::copy_n(canonical.begin() + output * row, row,
                dense.begin() + (output * merged + place) * row);
  }
}

void GroupedWeights::extract(std::span<const float> dense, std::span<float> canonical) const {
  const std::size_t row = std::size_t(inputs_per_group) * kernel * kernel;
  for (std::size_t output = 0; output < std::size_t(groups) * outputs_per_group; ++output) {
    const std::size_t place = output / outputs_per_group % merged;
    std::copy_n(dense.begin() + (output * merged + place) * row, row,
                canonical.begin() + output * row);
  }
}

int groups_to_merge(int groups, int channels_per_group, int vector_channels) {
  if (groups == 1) return 1;
  for (int merged = 1; merged <= groups; ++merged) {
    if (groups % merged == 0 && merged * channels_per_group % vector_channels == 0) return merged;
  }
  return 1;
}

GroupedWeights grouped_weights(const Graph& graph, const Node& node) {
  const Parameter& weight = graph.parameters[node.parameters.front()];
  GroupedWeights result;
  result.groups = node.groups;
  result.outputs_per_group = static_cast<int>(weight.shape[0]) / node.groups;
  result.inputs_per_group = static_cast<int>(weight.shape[1]);
  result.kernel = node.window.kernel;
  if (result.inputs_per_group == result.outputs_per_group) {
    result.merged = groups_to_merge(node.groups, result.inputs_per_group, kVectorChannels);
  }
  return result;
}

}  // namespace resnext::net::cpu
