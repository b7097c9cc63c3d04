#include "net/cuda/lowering.h"

#include <stdexcept>

#include <fmt/format.h>

namespace resnext::net::cuda {

Lowering::Lowering(const Graph& the_graph, int the_batch_size, DataType the_type, bool is_training)
    : graph(the_graph),
      batch_size(the_batch_size),
      type(the_type),
      training(is_training),
      weights(lay_out_weights(the_graph, the_type)),
      statistics(lay_out_statistics(the_graph)),
      values_(the_graph.nodes.size()),
      gradients_(the_graph.nodes.size()) {
  program.batch_size = batch_size;
  program.training = training;
  program.type = type;
  program.input = graph.input;
  program.gradients.resize(graph.parameters.size());
  find_needed_gradients();
}

void Lowering::find_needed_gradients() {
  for (const Node& node : graph.nodes) {
    bool needed = !node.parameters.empty();
    for (const int input : node.inputs) needed = needed || needs_gradient_[std::size_t(input)];
    needs_gradient_.push_back(needed);
  }
}

Dims Lowering::dims(int index) const {
  const Shape& shape = node(index).output;
  return {batch_size, padded(index), shape.height, shape.width};
}

std::size_t Lowering::pixels(int index) const {
  const Shape& shape = node(index).output;
  return std::size_t(batch_size) * shape.height * shape.width;
}

std::size_t Lowering::values(int index) const {
  return pixels(index) * std::size_t(padded(index));
}

Location Lowering::allocate(std::size_t bytes) {
  return {Region::kPlanned, plan_.add(bytes, time_), 0};
}

Location Lowering::use(Location location) {
  if (location.region == Region::kPlanned) plan_.use(location.buffer, time_);
  return location;
}

void Lowering::set_value(int index, Location at, DataType value_type) {
  values_[std::size_t(index)] = Activation{at, value_type};
}

Activation Lowering::value(int index) {
  const Activation activation = values_[std::size_t(index)].value();
  use(activation.at);
  return activation;
}

void Lowering::add_gradient(int index, Location part) {
  gradients_[std::size_t(index)].push_back(part);
}

/// Sums parts pairwise: cuDNN plans batch-norm's gradient behind such a sum, but cannot run it.
Location Lowering::gradient(int index) {
  std::vector<Location>& parts = gradients_[std::size_t(index)];
  if (parts.empty()) throw std::logic_error("nothing reads " + node(index).name);
  while (parts.size() > 1) {
    CombineStep sum;
    for (int i = 0; i < 2; ++i) {
      sum.branches.push_back({use(parts.back()), false, {}, {}, {}, {}});
      parts.pop_back();
    }
    sum.values = values(index);
    sum.channels = padded(index);
    sum.to = allocate_value(index);
    parts.insert(parts.begin(), sum.to);
    append(node(index).name + " gradient", sum);
  }
  return use(parts.front());
}

const WorkingParameter& Lowering::working(const Node& of, int role) const {
  return weights.parameters[std::size_t(of.parameters[std::size_t(role)])];
}

Location Lowering::weight(const Node& of, int role) const {
  return {Region::kWeights, -1, working(of, role).offset};
}

Location Lowering::statistic(const Node& of, int role, Region region) const {
  const auto index = std::size_t(of.statistics[std::size_t(role)]);
  return {region, -1, statistics.offsets[index]};
}

Location Lowering::allocate_weight_gradient(const Node& of, int role) {
  const Location at = allocate(working(of, role).bytes());
  program.gradients[std::size_t(of.parameters[std::size_t(role)])] = at;
  return at;
}

void Lowering::append_plan(std::string name, TensorGraph tensor_graph,
                           std::vector<Location> tensors) {
  if (tensors.size() != tensor_graph.bound_tensors().size()) {
    throw std::logic_error(fmt::format("{}: a plan of {} tensors was given {}", name,
                                       tensor_graph.bound_tensors().size(), tensors.size()));
  }
  for (const Location& tensor : tensors) use(tensor);
  const auto [entry, is_new] =
      graph_numbers_.try_emplace(tensor_graph.text(), static_cast<int>(program.graphs.size()));
  if (is_new) program.graphs.push_back(std::move(tensor_graph));
  append(std::move(name), PlanStep{entry->second, std::move(tensors)});
}

void Lowering::finish() {
  for (const int output : graph.outputs) {
    program.outputs.push_back({value(output), node(output).output});
  }
  plan_.place();
  for (int buffer = 0; buffer < plan_.count(); ++buffer) {
    program.offsets.push_back(plan_.offset(buffer));
  }
  program.planned_bytes = plan_.total_bytes();
  program.unshared_bytes = plan_.unshared_bytes();
}

namespace {

void lower_forward(Lowering& to, const NormResidualPatterns& patterns, int node) {
  switch (to.node(node).op) {
    case Op::kInput: {
      const Location images = to.allocate_value(node);
      to.set_value(node, images);
      return to.append("images", ImportImagesStep{images});
    }
    case Op::kConvolution:
      return lower_convolution(to, node);
    case Op::kBatchNorm:
    case Op::kRelu:
    case Op::kAdd:
      return lower_norm_residual(to, patterns.at[std::size_t(node)]);
    case Op::kConcatenation:
      return lower_concatenation(to, node);
    case Op::kZeroPadding:
      return lower_zero_padding(to, node);
    case Op::kMaxPool:
      return lower_max_pool(to, node);
    case Op::kGlobalAveragePool:
      return lower_average_pool(to, node);
    case Op::kLinear:
      return lower_linear(to, node);
    case Op::kSoftmaxCrossEntropy:
      return lower_loss(to, node);
  }
}

void lower_backward(Lowering& to, const NormResidualPatterns& patterns, int node) {
  switch (to.node(node).op) {
    case Op::kInput:
      return;
    case Op::kConvolution:
      return lower_convolution_backward(to, node);
    case Op::kBatchNorm:
    case Op::kRelu:
    case Op::kAdd:
      return lower_norm_residual_backward(to, patterns.at[std::size_t(node)]);
    case Op::kConcatenation:
      return lower_concatenation_backward(to, node);
    case Op::kZeroPadding:
      return lower_zero_padding_backward(to, node);
    case Op::kMaxPool:
      return lower_max_pool_backward(to, node);
    case Op::kGlobalAveragePool:
      return lower_average_pool_backward(to, node);
    case Op::kLinear:
      return lower_linear_backward(to, node);
    case Op::kSoftmaxCrossEntropy:
      return lower_loss_backward(to, node);
  }
}

/// Follows the growth of the arena's ready prefix during the backward pass.
class GradientExport {
 public:
  GradientExport(Lowering& to, std::size_t group_values)
      : to_(to), group_values_(group_values), done_(to.graph.parameters.size(), false) {}

  void after(int node) {
    for (const int parameter : to_.node(node).parameters) done_[std::size_t(parameter)] = true;
  }
  void after(const NormResidualPattern& pattern) {
    for (const ResidualBranch& branch : pattern.branches) {
      if (branch.batch_norm >= 0) after(branch.batch_norm);
    }
  }
  void export_ready() {
    std::size_t next = exported_;
    while (next < done_.size() && done_[next]) ++next;
    const auto& parameters = to_.graph.parameters;
    const bool all = next == parameters.size();
    const std::size_t ready = all ? to_.graph.parameter_count : parameters[next].offset;
    const std::size_t before = exported_ < parameters.size() ? parameters[exported_].offset : ready;
    if (next == exported_ || (!all && ready - before < group_values_)) return;
    for (std::size_t i = exported_; i < next; ++i) to_.use(to_.program.gradients[i]);
    to_.append("export gradients",
               ExportGradientsStep{static_cast<int>(exported_), static_cast<int>(next), ready});
    exported_ = next;
  }

 private:
  Lowering& to_;
  std::size_t group_values_;
  std::vector<bool> done_;  ///< by parameter
  std::size_t exported_ = 0;
};

}  // namespace

DeviceProgram lower(const Graph& graph, int batch_size, DataType type, bool training,
                    std::size_t group_values) {
  Lowering to(graph, batch_size, type, training);
  const NormResidualPatterns patterns = find_norm_residual_patterns(graph);
  const int nodes = static_cast<int>(graph.nodes.size());
  for (int node = 0; node < nodes; ++node) {
    if (!patterns.absorbed[std::size_t(node)]) lower_forward(to, patterns, node);
  }
  if (training) {
    GradientExport exporting(to, group_values);
    for (int node = nodes - 1; node >= 0; --node) {
      if (patterns.absorbed[std::size_t(node)]) continue;
      lower_backward(to, patterns, node);
      exporting.after(node);
      exporting.after(patterns.at[std::size_t(node)]);
      exporting.export_ready();
    }
  }
  to.finish();
  return std::move(to.program);
}

}  // namespace resnext::net::cuda
