#include "net/cpu/input_gradient.h"

#include <cstring>

#include "net/cpu/correlation_plan.h"

namespace resnext::net::cpu {

InputGradient::InputGradient(Builder& builder, int node) {
  const int input = builder.graph.nodes[node].inputs.front();
  if (builder.graph.nodes[input].op == Op::kInput) return;
  precision_ = builder.values[input].precision;
  bytes_ = builder.values_of(input) * bytes_of(precision_);
  plan_parts(builder, node);
  plan_output(builder, input);
}

void InputGradient::plan_parts(Builder& builder, int node) {
  const Node& entry = builder.graph.nodes[node];
  const Shape& input = builder.graph.nodes[entry.inputs.front()].output;
  const int stride = entry.window.stride;
  for (int row = 0; row < stride; ++row) {
    for (int column = 0; column < stride; ++column) {
      const CorrelationShape shape = backward_shape(entry, input, builder.batch_size, row, column);
      if (shape.height == 0 || shape.width == 0) continue;
      if (shape.kernel_height == 0 || shape.kernel_width == 0) {
        covers_input_ = false;
        continue;
      }
      WeightPacking packing;
      packing.plan = plan_correlation(shape, builder.kernels);
      packing.lanes = builder.kernels.lanes;
      packing.kernel = entry.window.kernel;
      packing.transposed = true;
      packing.step = -stride;
      packing.first_row =
          (row + entry.window.padding) % stride + (shape.kernel_height - 1) * stride;
      packing.first_column =
          (column + entry.window.padding) % stride + (shape.kernel_width - 1) * stride;
      packing.rounded = builder.values[node].precision == Precision::kBf16;
      parts_.emplace_back(builder, entry.parameters.front(), packing);
    }
  }
}

void InputGradient::plan_output(Builder& builder, int input) {
  auto& gradients = builder.gradients[input];
  const bool last = builder.contributions[input] + 1 == builder.consumers[input];
  if (last && covers_input_ && gradients.size() <= 1) sink_ = builder.sinks[input];
  const bool addable =
      gradients.size() == 1 && (sink_ != nullptr || !builder.to_be_read(gradients[0]));
  if (addable) {
    addend_ = gradients[0];
    builder.use(addend_);
  }
  if (addend_ >= 0 && !builder.to_be_read(addend_)) {
    buffer_ = addend_;
    ++builder.contributions[input];
  } else {
    buffer_ = builder.add_buffer(bytes_);
    if (addend_ >= 0) gradients.clear();
    builder.add_gradient(input, buffer_);
  }
  if (sink_ != nullptr) sink_->take_gradient(builder);
}

void InputGradient::bind(const Placement& placement) {
  values_ = placement.address(buffer_);
  addend_values_ = placement.address(addend_);
  for (Correlation& part : parts_) part.bind(placement);
}

void InputGradient::run(const Operand& gradient) {
  if (buffer_ < 0) return;
  if (!covers_input_ && addend_ < 0) std::memset(values_, 0, bytes_);
  if (sink_ != nullptr) sink_->begin_gradient();
  for (const Correlation& part : parts_) {
    part.run(gradient, [&](int thread) {
      CorrelationOutput out;
      if (sink_ != nullptr) out = sink_->gradient_output(thread);
      out.values = values_;
      out.addend = addend_values_;
      out.precision = precision_;
      return out;
    });
  }
}

double InputGradient::bytes() const {
  const int reads = (addend_ >= 0 ? 1 : 0) + (sink_ != nullptr ? sink_->values_read() : 0);
  return double(bytes_) * (1 + reads);
}

}  // namespace resnext::net::cpu
