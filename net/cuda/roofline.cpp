#include "net/cuda/roofline.h"

#include <algorithm>

namespace resnext::net::cuda {
namespace {

double product(const Dims& dims, std::size_t first = 0) {
  double count = 1;
  for (std::size_t i = first; i < dims.size(); ++i) count *= double(dims[i]);
  return count;
}

double bytes_of_values(DataType type, double values) {
  return double(bytes_of(type, 8)) / 8 * values;
}

double flops_of(const TensorGraph& graph, const OperationDescription& operation) {
  const auto dims = [&](std::size_t role) -> const Dims& {
    return graph.tensors[std::size_t(operation.tensors[role])].dims;
  };
  switch (operation.kind) {
    case OperationKind::kConvolutionForward:  // x, weight, y: each y is a sum over a filter
      return 2 * product(dims(2)) * product(dims(1), 1);
    case OperationKind::kConvolutionBackwardData:  // dy, weight, dx
      return 2 * product(dims(0)) * product(dims(1), 1);
    case OperationKind::kConvolutionBackwardWeights:  // x, dy, dweight
      return 2 * product(dims(1)) * product(dims(2), 1);
    case OperationKind::kMatrixProduct:  // (1, m, k) (1, k, n)
      return 2 * product(dims(0)) * double(dims(1).back());
    default:
      return 0;
  }
}

StepCost cost_of_plan(const TensorGraph& graph) {
  StepCost cost;
  for (const OperationDescription& operation : graph.operations) {
    cost.flops += flops_of(graph, operation);
  }
  for (const int index : graph.bound_tensors()) {
    const TensorDescription& tensor = graph.tensors[std::size_t(index)];
    cost.bytes += bytes_of_values(tensor.type, product(tensor.dims));
  }
  return cost;
}

/// Traffic of our own kernels; one function a kind of step.
struct Traffic {
  const DeviceProgram& program;
  std::size_t& exported;  ///< values of the arena so far

  double images() const { return program.batch_size; }
  double in_type(double values) const { return bytes_of_values(program.type, values); }
  double pixels(const Shape& shape) const { return images() * shape.height * shape.width; }

  StepCost operator()(const PlanStep& step) const {
    return cost_of_plan(program.graphs[std::size_t(step.graph)]);
  }
  StepCost operator()(const ImportImagesStep&) const {  // from bytes or floats: the latter
    const double values = images() * double(program.input.count());
    return {0, values * sizeof(float) + in_type(8 * pixels(program.input))};
  }
  StepCost operator()(const CombineStep& step) const {
    return {0, in_type(double(step.values) * double(step.branches.size() + 1))};
  }
  StepCost operator()(const ReluBackwardStep& step) const {
    return {0, in_type(3.0 * double(step.values))};
  }
  StepCost operator()(const AveragePoolStep& step) const {
    return {0, in_type(images() * double(step.image.count() + std::size_t(step.image.channels)))};
  }
  StepCost operator()(const CopyChannelsStep& step) const {
    const int written = std::max(step.channels, step.clear_to - step.to_channel);
    return {0, in_type(double(step.pixels) * (step.channels + written))};
  }
  StepCost operator()(const SubsampleStep& step) const {
    return {0, in_type(2 * pixels(step.to) * step.to.channels)};
  }
  StepCost operator()(const BiasStep& step) const {
    return {0, bytes_of_values(step.type, images() * step.pitch * (step.backward ? 1 : 2))};
  }
  StepCost operator()(const SoftmaxStep& step) const {
    const double values = images() * step.pitch;
    return {0, bytes_of_values(step.type, values) +
                   (step.training ? bytes_of_values(step.gradient_type, values) : 0)};
  }
  StepCost operator()(const ExportGradientsStep& step) const {
    const double values = double(step.ready - exported);
    exported = step.ready;
    return {0, in_type(values) + values * sizeof(float)};
  }
};

}  // namespace

std::vector<StepCost> step_costs(const DeviceProgram& program) {
  std::size_t exported = 0;
  std::vector<StepCost> costs;
  for (const Step& step : program.steps) {
    costs.push_back(std::visit(Traffic{program, exported}, step.work));
  }
  return costs;
}

StepCost update_cost(std::size_t parameters, DataType type) {
  // Weights and momentum there and back, gradients, and weights once more for the working copy.
  constexpr int kTransfers = 6;
  return {0, double(parameters) * kTransfers * sizeof(float) +
                 bytes_of_values(type, double(parameters))};
}

double least_time(const StepCost& cost, const DeviceFigures& figures, Precision precision) {
  return std::max(cost.flops / figures.peak_flops(precision),
                  cost.bytes / figures.memory_bandwidth);
}

double least_time(const std::vector<StepCost>& costs, const DeviceFigures& figures,
                  Precision precision) {
  double seconds = 0;
  for (const StepCost& cost : costs) seconds += least_time(cost, figures, precision);
  return seconds;
}

}  // namespace resnext::net::cuda
