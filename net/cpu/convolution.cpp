#include "net/cpu/convolution.h"

#include <optional>

#include "net/cpu/batch_norm.h"
#include "net/cpu/correlation.h"
#include "net/cpu/correlation_plan.h"
#include "net/cpu/input_gradient.h"
#include "net/cpu/value_reader.h"
#include "net/cpu/weight_gradient.h"

namespace resnext::net::cpu {
namespace {

WeightPacking forward_packing(const Builder& builder, int node) {
  const Node& entry = builder.graph.nodes[node];
  const Shape& input = builder.graph.nodes[entry.inputs.front()].output;
  WeightPacking packing;
  packing.plan = plan_correlation(forward_shape(entry, input, builder.batch_size), builder.kernels);
  packing.lanes = builder.kernels.lanes;
  packing.kernel = entry.window.kernel;
  packing.rounded = builder.precision == Precision::kBf16;
  return packing;
}

class Convolution final : public Layer {
 public:
  Convolution(Builder& builder, int node)
      : node_(node),
        entry_(builder.graph.nodes[node]),
        parameter_(builder.graph.parameters[entry_.parameters.front()]),
        input_values_(builder.values_of(entry_.inputs.front())),
        precision_(builder.precision),
        input_(builder, entry_.inputs.front()),
        forward_(builder, entry_.parameters.front(), forward_packing(builder, node)),
        output_(builder.add_activation(node)) {
    builder.values[node] = {node, output_, precision_};
  }

  void plan_backward(Builder& builder) override {
    gradient_ = GradientReader(builder, node_);
    input_.read_again(builder);
    weight_gradient_ = make_weight_gradient(builder, node_);
    input_gradient_.emplace(builder, node_);
    gradient_.finish(builder);
  }

  void bind(const Placement& placement) override {
    moments_ = placement.builder.moments[node_];
    input_.bind(placement);
    forward_.bind(placement);
    values_ = placement.address(output_);
    if (!weight_gradient_) return;
    gradient_.bind(placement);
    weight_gradient_->bind(placement);
    input_gradient_->bind(placement);
  }

  void forward(Run& run) override {
    const PassTimer timer(run.clock, *this, 0);
    if (moments_ != nullptr) moments_->begin_moments();
    forward_.run(input_.operand(), [&](int thread) {
      CorrelationOutput out;
      out.values = values_;
      out.precision = precision_;
      if (moments_ == nullptr) return out;
      moments_->set_pixels(thread, forward_.pixels(thread));
      out.kind = OutputKind::kMoments;
      out.pivot = moments_->pivot(thread);
      out.pivot_due = true;
      out.sums = moments_->moments(thread);
      return out;
    });
  }

  void backward(Run& run) override {
    gradient_.run();
    {
      const PassTimer timer(run.clock, *this, 1);
      weight_gradient_->run(input_.operand_again(), gradient_.operand(),
                            run.gradients.subspan(parameter_.offset, parameter_.count));
    }
    const PassTimer timer(run.clock, *this, 2);
    input_gradient_->run(gradient_.operand());
  }

  std::vector<PassProfile> passes() const override;

  std::vector<int> parameters() const override { return entry_.parameters; }

 private:
  int node_;
  const Node& entry_;
  const Parameter& parameter_;
  std::size_t input_values_;
  Precision precision_;
  ValueReader input_;
  Correlation forward_;
  BufferId output_ = -1;
  void* values_ = nullptr;
  BatchNorm* moments_ = nullptr;  ///< that the forward pass takes
  GradientReader gradient_;
  std::unique_ptr<WeightGradient> weight_gradient_;
  std::optional<InputGradient> input_gradient_;
};

/// Counts each operand and result once.
std::vector<PassProfile> Convolution::passes() const {
  const double pixels = double(forward_.all_pixels());
  const double flops = 2.0 * double(parameter_.count) * pixels;
  const double value_bytes = double(bytes_of(precision_));
  const double output = pixels * entry_.output.channels * value_bytes;
  const double input = double(input_values_) * value_bytes;
  const double weights = double(parameter_.count) * sizeof(float);
  const double gradient = output * (gradient_.reads_value() ? 2 : 1);
  const std::string implementation = forward_.implementation();
  std::vector<PassProfile> passes = {
      {entry_.name, "forward", implementation, "nhwc", flops, input + output + weights}};
  if (!weight_gradient_) return passes;
  passes.push_back({entry_.name, "backward weights", weight_gradient_->implementation(), "nhwc",
                    flops, input + gradient + weights});
  if (input_gradient_->exists()) {
    passes.push_back({entry_.name, "backward data", implementation, "nhwc", flops,
                      gradient + weights + input_gradient_->bytes()});
  }
  return passes;
}

}  // namespace

std::unique_ptr<Layer> make_convolution(Builder& builder, int node) {
  return std::make_unique<Convolution>(builder, node);
}

}  // namespace resnext::net::cpu
