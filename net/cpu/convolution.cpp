#include "net/cpu/convolution.h"

#include "net/cpu/channel_layout.h"
#include "net/cpu/dnnl_primitives.h"
#include "net/cpu/grouped_weights.h"
#include "net/cpu/reordering.h"
#include "net/cpu/weight_store.h"

namespace resnext::net::cpu {
namespace {

using Tag = dnnl::memory::format_tag;

/// The forward descriptor with layouts left to oneDNN; where it picks one that the other kernels do
/// not know, plain nchw.
dnnl::convolution_forward::primitive_desc choose_layouts(const Builder& builder, int node,
                                                         const GroupedWeights& weights,
                                                         ConvolutionGeometry& geometry) {
  const Node& entry = builder.graph.nodes[node];
  const int input = entry.inputs.front();
  geometry.stride = entry.window.stride;
  geometry.padding = entry.window.padding;
  geometry.weights = weights.any_descriptor();
  for (const Tag tag : {Tag::any, Tag::nchw}) {
    geometry.source = activation_descriptor(builder.dims(input), tag);
    geometry.destination = activation_descriptor(builder.dims(node), tag);
    auto forward = convolution_forward_descriptor(builder.engine, builder.training, geometry);
    if (tag == Tag::any &&
        !(has_channel_layout(forward.src_desc()) && has_channel_layout(forward.dst_desc()))) {
      continue;
    }
    geometry.source = forward.src_desc();
    geometry.destination = forward.dst_desc();
    return forward;
  }
  throw std::logic_error("no layout for convolution " + entry.name);
}

class Convolution final : public Layer {
 public:
  Convolution(Builder& builder, int node)
      : node_(node),
        entry_(builder.graph.nodes[node]),
        parameter_(builder.graph.parameters[entry_.parameters.front()]),
        weights_(grouped_weights(builder.graph, entry_)),
        forward_descriptor_(choose_layouts(builder, node, weights_, geometry_)),
        forward_(forward_descriptor_),
        forward_weights_(builder.weights.copy(entry_.parameters.front(), weights_,
                                              forward_descriptor_.weights_desc())),
        source_(builder, entry_.inputs.front(), geometry_.source) {
    scratchpad_bytes_ = forward_descriptor_.scratchpad_desc();
    forward_scratchpad_ = builder.add_buffer(scratchpad_bytes_);
    destination_ = builder.add_buffer(geometry_.destination);
    builder.values[node] = {geometry_.destination, destination_};
  }

  void plan_backward(Builder& builder) override {
    destination_gradient_ = GradientSum(builder, node_);
    source_.use(builder);
    plan_backward_weights(builder);
    const int input = entry_.inputs.front();
    if (builder.graph.nodes[input].op != Op::kInput) plan_backward_data(builder, input);
  }

  void bind(const Placement& placement, const dnnl::engine& engine) override {
    source_.bind(placement, engine);
    arguments_ = {
        {DNNL_ARG_SRC, source_.memory()},
        {DNNL_ARG_WEIGHTS, forward_weights_},
        {DNNL_ARG_DST, placement.memory(geometry_.destination, engine, destination_)},
        {DNNL_ARG_SCRATCHPAD, placement.memory(scratchpad_bytes_, engine, forward_scratchpad_)}};
    if (!backward_weights_) return;
    destination_gradient_.bind(placement);
    bind_backward(placement, engine);
  }

  void forward(Run& run) override {
    source_.forward(run);
    forward_.execute(run.stream, arguments_);
  }

  void backward(Run& run) override {
    destination_gradient_.run();
    backward_weights_.execute(run.stream, backward_weights_arguments_);
    store_weight_gradient(run);
    if (backward_data_) {
      backward_data_.execute(run.stream, backward_data_arguments_);
      source_gradient_.backward(run);
    }
  }

  std::vector<int> parameters() const override { return entry_.parameters; }

 private:
  void plan_backward_weights(Builder& builder) {
    const auto descriptor =
        convolution_backward_weights_descriptor(builder.engine, geometry_, forward_descriptor_);
    backward_weights_ = dnnl::convolution_backward_weights(descriptor);
    weight_gradient_descriptor_ = descriptor.diff_weights_desc();
    weight_gradient_ = builder.add_buffer(weight_gradient_descriptor_);
    weight_scratchpad_descriptor_ = descriptor.scratchpad_desc();
    weight_scratchpad_ = builder.add_buffer(weight_scratchpad_descriptor_);
    to_plain_ = dnnl::reorder(dnnl::reorder::primitive_desc(
        builder.engine, weight_gradient_descriptor_, builder.engine, weights_.plain_descriptor()));
    if (weights_.merged > 1) merged_gradient_ = builder.add_buffer(weights_.plain_descriptor());
  }

  void plan_backward_data(Builder& builder, int input) {
    const auto descriptor =
        convolution_backward_data_descriptor(builder.engine, geometry_, forward_descriptor_);
    backward_data_ = dnnl::convolution_backward_data(descriptor);
    backward_data_weights_ =
        builder.weights.copy(entry_.parameters.front(), weights_, descriptor.weights_desc());
    data_scratchpad_descriptor_ = descriptor.scratchpad_desc();
    data_scratchpad_ = builder.add_buffer(data_scratchpad_descriptor_);
    source_gradient_ = GradientReordering(builder, input, geometry_.source);
  }

  void bind_backward(const Placement& placement, const dnnl::engine& engine) {
    const dnnl::memory output_gradient =
        placement.memory(geometry_.destination, engine, destination_gradient_.buffer());
    weight_gradient_memory_ =
        placement.memory(weight_gradient_descriptor_, engine, weight_gradient_);
    backward_weights_arguments_ = {
        {DNNL_ARG_SRC, source_.memory()},
        {DNNL_ARG_DIFF_DST, output_gradient},
        {DNNL_ARG_DIFF_WEIGHTS, weight_gradient_memory_},
        {DNNL_ARG_SCRATCHPAD,
         placement.memory(weight_scratchpad_descriptor_, engine, weight_scratchpad_)}};
    if (weights_.merged > 1) merged_values_ = placement.floats(merged_gradient_);
    plain_gradient_ = dnnl::memory(weights_.plain_descriptor(), engine, merged_values_);
    if (!backward_data_) return;
    source_gradient_.bind(placement, engine);
    backward_data_arguments_ = {{DNNL_ARG_DIFF_SRC, source_gradient_.memory()},
                                {DNNL_ARG_WEIGHTS, backward_data_weights_},
                                {DNNL_ARG_DIFF_DST, output_gradient},
                                {DNNL_ARG_SCRATCHPAD, placement.memory(data_scratchpad_descriptor_,
                                                                       engine, data_scratchpad_)}};
  }

  /// From oneDNN's layout into the gradient arena, through the merged form where groups are merged.
  void store_weight_gradient(Run& run) {
    const std::span<float> canonical = run.gradients.subspan(parameter_.offset, parameter_.count);
    if (weights_.merged == 1) plain_gradient_.set_data_handle(canonical.data());
    to_plain_.execute(run.stream, weight_gradient_memory_, plain_gradient_);
    run.stream.wait();
    if (weights_.merged > 1) {
      weights_.extract({merged_values_, weights_.merged_count()}, canonical);
    }
  }

  using Arguments = std::unordered_map<int, dnnl::memory>;

  int node_;
  const Node& entry_;
  const Parameter& parameter_;
  GroupedWeights weights_;
  ConvolutionGeometry geometry_;
  dnnl::convolution_forward::primitive_desc forward_descriptor_;
  dnnl::convolution_forward forward_;
  dnnl::memory forward_weights_;
  SourceReordering source_;
  BufferId destination_ = -1;
  dnnl::memory::desc scratchpad_bytes_;
  BufferId forward_scratchpad_ = -1;
  Arguments arguments_;

  GradientSum destination_gradient_;
  dnnl::convolution_backward_weights backward_weights_;
  dnnl::memory::desc weight_gradient_descriptor_, weight_scratchpad_descriptor_;
  BufferId weight_gradient_ = -1, weight_scratchpad_ = -1, merged_gradient_ = -1;
  dnnl::reorder to_plain_;
  dnnl::memory weight_gradient_memory_, plain_gradient_;
  float* merged_values_ = nullptr;
  Arguments backward_weights_arguments_;

  dnnl::convolution_backward_data backward_data_;
  dnnl::memory backward_data_weights_;
  dnnl::memory::desc data_scratchpad_descriptor_;
  BufferId data_scratchpad_ = -1;
  GradientReordering source_gradient_;
  Arguments backward_data_arguments_;
};

}  // namespace

std::unique_ptr<Layer> make_convolution(Builder& builder, int node) {
  return std::make_unique<Convolution>(builder, node);
}

}  // namespace resnext::net::cpu
