#include <cstdint>
#include <string>

#include "net/cpu/pooling.h"
#include "net/cpu/recomputed.h"
#include "net/cpu/thread_team.h"
#include "net/cpu/value_reader.h"

namespace resnext::net::cpu {
namespace {

class MaxPooling final : public Layer, public Recomputed {
 public:
  MaxPooling(Builder& builder, int node)
      : node_(node),
        input_node_(builder.graph.nodes[node].inputs[0]),
        name_(builder.graph.nodes[node].name),
        kernels_(builder.kernels),
        threads_(builder.threads),
        images_(builder.batch_size),
        precision_(builder.precision),
        input_(builder, input_node_) {
    const Shape& from = builder.graph.nodes[input_node_].output;
    const Shape& to = builder.graph.nodes[node].output;
    const Window& window = builder.graph.nodes[node].window;
    pool_ = {from.height,   from.width,    to.height,     to.width,
             from.channels, window.kernel, window.stride, window.padding};
    output_ = builder.add_activation(node);
    if (builder.training) choices_ = builder.add_buffer(builder.values_of(node));
    builder.values[node] = {node, output_, precision_};
    if (builder.training) builder.recomputed[node] = this;
  }

  void plan_backward(Builder& builder) override {
    gradient_ = GradientSum(builder, node_);
    builder.use(choices_);
    input_gradient_ = builder.add_activation(input_node_);
    builder.add_gradient(input_node_, input_gradient_);
  }

  BufferId plan_recomputation(Builder& builder) override {
    input_.read_again(builder);
    recomputed_ = builder.add_activation(node_);
    return recomputed_;
  }

  void bind(const Placement& placement) override {
    input_.bind(placement);
    values_ = placement.address(output_);
    values_again_ = placement.address(recomputed_);
    if (choices_ < 0) return;
    choice_values_ = reinterpret_cast<std::uint8_t*>(placement.address(choices_));
    gradient_.bind(placement);
    gradient_values_ = placement.address(input_gradient_);
  }

  std::vector<PassProfile> passes() const override {
    const double value_bytes = double(bytes_of(precision_)) * images_ * pool_.channels;
    const double inputs = value_bytes * pool_.in_height * pool_.in_width;
    const double outputs = value_bytes * pool_.height * pool_.width;
    const std::string implementation = std::string(kernels_.name) + " windows";
    std::vector<PassProfile> passes = {
        {name_, "forward", implementation, "nhwc", 0.0, inputs + outputs}};
    if (choices_ >= 0) {
      passes.push_back({name_, "backward", implementation, "nhwc", 0.0, inputs + outputs});
    }
    if (recomputed_ >= 0) {
      passes.push_back({name_, "again", implementation, "nhwc", 0.0, inputs + outputs});
    }
    return passes;
  }

  void forward(Run& run) override {
    const PassTimer timer(run.clock, *this, 0);
    for_each_share(pool_.height, [&](const RowRange& rows) {
      kernels_.max_pool(pool_, input_.operand(), rows, values_, choice_values_);
    });
  }

  void recompute(Run& run) override {
    const PassTimer timer(run.clock, *this, 2);
    for_each_share(pool_.height, [&](const RowRange& rows) {
      kernels_.max_pool(pool_, input_.operand_again(), rows, values_again_, choice_values_);
    });
  }

  void backward(Run& run) override {
    const PassTimer timer(run.clock, *this, 1);
    gradient_.run();
    for_each_share(pool_.in_height, [&](const RowRange& rows) {
      kernels_.max_pool_gradient(pool_, gradient_.target(), precision_, choice_values_, rows,
                                 gradient_values_);
    });
  }

 private:
  template <typename Body>
  void for_each_share(int height, const Body& body) const {
    on_each_thread(threads_, [&](int thread) {
      const Share share = share_of(images_ * height, thread, threads_);
      body(RowRange{share.first, share.end});
    });
  }

  int node_, input_node_;
  const std::string& name_;
  const KernelSet& kernels_;
  int threads_, images_;
  Precision precision_;
  ValueReader input_;
  MaxPool pool_;
  BufferId output_ = -1, recomputed_ = -1, choices_ = -1, input_gradient_ = -1;
  GradientSum gradient_;
  void* values_ = nullptr;
  void* values_again_ = nullptr;  ///< in the backward pass
  void* gradient_values_ = nullptr;
  std::uint8_t* choice_values_ = nullptr;
};

}  // namespace

std::unique_ptr<Layer> make_max_pool(Builder& builder, int node) {
  return std::make_unique<MaxPooling>(builder, node);
}

}  // namespace resnext::net::cpu
