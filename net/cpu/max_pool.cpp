#include "net/cpu/channel_layout.h"
#include "net/cpu/dnnl_primitives.h"
#include "net/cpu/pooling.h"
#include "net/cpu/reordering.h"

namespace resnext::net::cpu {
namespace {

class MaxPool final : public Layer {
 public:
  MaxPool(Builder& builder, int node) : node_(node), input_(builder.graph.nodes[node].inputs[0]) {
    const Window& window = builder.graph.nodes[node].window;
    const Value& source = builder.read(input_);
    source_ = source;
    geometry_ = {source.descriptor,
                 {},
                 activation_descriptor(builder.dims(node), dnnl::memory::format_tag::any),
                 window.kernel,
                 window.stride,
                 window.padding};
    descriptor_ = max_pooling_forward_descriptor(builder.engine, builder.training, geometry_);
    geometry_.destination = descriptor_.dst_desc();
    forward_ = dnnl::pooling_forward(descriptor_);
    destination_ = builder.add_buffer(geometry_.destination);
    scratchpad_ = builder.add_buffer(descriptor_.scratchpad_desc());
    if (builder.training) workspace_ = builder.add_buffer(descriptor_.workspace_desc());
    builder.values[node] = {geometry_.destination, destination_};
  }

  void plan_backward(Builder& builder) override {
    gradient_ = GradientSum(builder, node_);
    builder.use(workspace_);
    backward_descriptor_ = max_pooling_backward_descriptor(builder.engine, geometry_, descriptor_);
    backward_ = dnnl::pooling_backward(backward_descriptor_);
    backward_scratchpad_ = builder.add_buffer(backward_descriptor_.scratchpad_desc());
    source_gradient_ = GradientReordering(builder, input_, backward_descriptor_.diff_src_desc());
  }

  void bind(const Placement& placement, const dnnl::engine& engine) override {
    arguments_ = {{DNNL_ARG_SRC, placement.memory(source_.descriptor, engine, source_.buffer)},
                  {DNNL_ARG_DST, placement.memory(geometry_.destination, engine, destination_)},
                  {DNNL_ARG_SCRATCHPAD,
                   placement.memory(descriptor_.scratchpad_desc(), engine, scratchpad_)}};
    if (workspace_ < 0) return;
    const auto workspace = placement.memory(descriptor_.workspace_desc(), engine, workspace_);
    arguments_.insert({DNNL_ARG_WORKSPACE, workspace});
    gradient_.bind(placement);
    source_gradient_.bind(placement, engine);
    backward_arguments_ = {
        {DNNL_ARG_DIFF_DST, placement.memory(geometry_.destination, engine, gradient_.buffer())},
        {DNNL_ARG_DIFF_SRC, source_gradient_.memory()},
        {DNNL_ARG_WORKSPACE, workspace},
        {DNNL_ARG_SCRATCHPAD,
         placement.memory(backward_descriptor_.scratchpad_desc(), engine, backward_scratchpad_)}};
  }

  void forward(Run& run) override { forward_.execute(run.stream, arguments_); }

  void backward(Run& run) override {
    gradient_.run();
    backward_.execute(run.stream, backward_arguments_);
    source_gradient_.backward(run);
  }

 private:
  int node_, input_;
  Value source_;
  ConvolutionGeometry geometry_;
  dnnl::pooling_forward::primitive_desc descriptor_;
  dnnl::pooling_forward forward_;
  dnnl::pooling_backward::primitive_desc backward_descriptor_;
  dnnl::pooling_backward backward_;
  BufferId destination_ = -1, scratchpad_ = -1, workspace_ = -1, backward_scratchpad_ = -1;
  GradientSum gradient_;
  GradientReordering source_gradient_;
  std::unordered_map<int, dnnl::memory> arguments_, backward_arguments_;
};

}  // namespace

std::unique_ptr<Layer> make_max_pool(Builder& builder, int node) {
  return std::make_unique<MaxPool>(builder, node);
}

}  // namespace resnext::net::cpu
