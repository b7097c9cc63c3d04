#include "net/cpu/linear.h"

#include <optional>

#include "net/cpu/correlation.h"
#include "net/cpu/correlation_plan.h"
#include "net/cpu/value_reader.h"
#include "net/cpu/weight_gradient.h"

namespace resnext::net::cpu {
namespace {

/// In fp32: a 1x1 convolution of features in canonical order (C, H, W), with a bias.
class Linear final : public Layer {
 public:
  Linear(Builder& builder, int node)
      : node_(node),
        entry_(builder.graph.nodes[node]),
        input_shape_(builder.graph.nodes[entry_.inputs[0]].output),
        weight_(builder.graph.parameters[entry_.parameters[0]]),
        bias_(builder.graph.parameters[entry_.parameters[1]]),
        images_(builder.batch_size),
        classes_(entry_.output.channels),
        count_(static_cast<int>(input_shape_.count())),
        training_(builder.training),
        input_(builder, entry_.inputs[0]),
        forward_(builder, entry_.parameters[0], packing(builder, false)) {
    features_ = builder.add_buffer(builder.values_of(entry_.inputs[0]) * sizeof(float));
    output_ = builder.add_buffer(builder.values_of(node) * sizeof(float));
    builder.values[node] = {node, output_, Precision::kFp32};
  }

  void plan_backward(Builder& builder) override {
    gradient_ = GradientSum(builder, node_);
    builder.use(features_);
    weight_gradient_ = make_matrix_gradient(builder, {classes_, count_, 1, 1, 1, 1, 1}, images_);
    const int input = entry_.inputs[0];
    if (builder.graph.nodes[input].op == Op::kInput) return;
    backward_.emplace(builder, entry_.parameters[0], packing(builder, true));
    const std::size_t values = builder.values_of(input);
    feature_gradient_ = builder.add_buffer(values * sizeof(float));
    input_gradient_ = builder.add_buffer(values * bytes_of(input_.value().precision));
    builder.add_gradient(input, input_gradient_);
  }

  void bind(const Placement& placement) override {
    const Precision precision = input_.value().precision;
    x_ = {placement.address(input_.value().buffer), precision};
    feature_values_ = placement.floats(features_);
    forward_.bind(placement);
    y_ = placement.floats(output_);
    if (!training_) return;
    gradient_.bind(placement);
    weight_gradient_->bind(placement);
    if (!backward_) return;
    backward_->bind(placement);
    feature_gradients_ = placement.floats(feature_gradient_);
    dx_ = {placement.address(input_gradient_), precision};
  }

  std::vector<PassProfile> passes() const override {
    const double flops = 2.0 * double(weight_.count) * images_;
    const double bytes =
        sizeof(float) * (double(weight_.count) + double(images_) * (count_ + classes_));
    std::vector<PassProfile> passes = {
        {entry_.name, "forward", forward_.implementation(), "nhwc", flops, bytes}};
    if (!training_) return passes;
    passes.push_back({entry_.name, "backward", weight_gradient_->implementation(), "nhwc",
                      flops * (backward_ ? 2 : 1), bytes * (backward_ ? 2 : 1)});
    return passes;
  }

  void forward(Run& run) override {
    const PassTimer timer(run.clock, *this, 0);
    for_each_feature([&](std::size_t i, std::size_t at) { feature_values_[i] = x_.get(at); });
    forward_.run(reading(feature_values_), [&](int) { return writing(y_); });
    for (int n = 0; n < images_; ++n) {
      for (int k = 0; k < classes_; ++k) {
        y_[std::size_t(n) * classes_ + k] += run.parameters[bias_.offset + k];
      }
    }
  }

  void backward(Run& run) override {
    const PassTimer timer(run.clock, *this, 1);
    gradient_.run();
    const auto* dy = static_cast<const float*>(gradient_.target());
    weight_gradient_->run(reading(feature_values_), reading(dy),
                          run.gradients.subspan(weight_.offset, weight_.count));
    for (int k = 0; k < classes_; ++k) {
      double sum = 0;
      for (int n = 0; n < images_; ++n) sum += dy[std::size_t(n) * classes_ + k];
      run.gradients[bias_.offset + k] = static_cast<float>(sum);
    }
    if (!backward_) return;
    backward_->run(reading(dy), [&](int) { return writing(feature_gradients_); });
    for_each_feature([&](std::size_t i, std::size_t at) { dx_.set(at, feature_gradients_[i]); });
  }

  std::vector<int> parameters() const override { return entry_.parameters; }

 private:
  WeightPacking packing(const Builder& builder, bool transposed) const {
    CorrelationShape shape;
    shape.images = images_;
    shape.in_height = shape.in_width = shape.height = shape.width = 1;
    shape.out_height = shape.out_width = 1;
    shape.in_channels = transposed ? classes_ : count_;
    shape.out_channels = transposed ? count_ : classes_;
    WeightPacking packing;
    packing.plan = plan_correlation(shape, builder.kernels);
    packing.lanes = builder.kernels.lanes;
    packing.transposed = transposed;
    return packing;
  }

  static Operand reading(const float* values) {
    Operand operand;
    operand.values = values;
    return operand;
  }

  static CorrelationOutput writing(float* values) {
    CorrelationOutput out;
    out.values = values;
    return out;
  }

  /// Calls body(position in canonical order, position in the map).
  template <typename Body>
  void for_each_feature(const Body& body) const {
    const std::size_t pixels = std::size_t(input_shape_.height) * input_shape_.width;
    const std::size_t channels = input_shape_.channels;
    std::size_t at = 0;
    for (std::size_t n = 0; n < std::size_t(images_); ++n) {
      for (std::size_t p = 0; p < pixels; ++p) {
        for (std::size_t c = 0; c < channels; ++c) body((n * channels + c) * pixels + p, at++);
      }
    }
  }

  int node_;
  const Node& entry_;
  Shape input_shape_;
  const Parameter& weight_;
  const Parameter& bias_;
  int images_, classes_, count_;
  bool training_;
  ValueReader input_;
  Correlation forward_;
  std::optional<Correlation> backward_;
  std::unique_ptr<WeightGradient> weight_gradient_;
  BufferId features_ = -1, output_ = -1, feature_gradient_ = -1, input_gradient_ = -1;
  GradientSum gradient_;
  StoredValues x_, dx_;
  float *feature_values_ = nullptr, *y_ = nullptr, *feature_gradients_ = nullptr;
};

}  // namespace

std::unique_ptr<Layer> make_linear(Builder& builder, int node) {
  return std::make_unique<Linear>(builder, node);
}

}  // namespace resnext::net::cpu
