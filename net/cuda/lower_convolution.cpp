#include "net/cuda/layer_graphs.h"
#include "net/cuda/lowering.h"

namespace resnext::net::cuda {
namespace {

ConvolutionShape shape_of(const Lowering& to, int node) {
  const Node& convolution = to.node(node);
  return {to.dims(convolution.inputs[0]), to.working(convolution, 0).dims(), to.dims(node),
          convolution.window};
}

}  // namespace

void lower_convolution(Lowering& to, int node) {
  const Node& convolution = to.node(node);
  const Activation x = to.value(convolution.inputs[0]);
  const Location y = to.allocate_value(node);
  to.append_plan(convolution.name, convolution_forward(shape_of(to, node), to.type),
                 {x.at, to.weight(convolution, 0), y});
  to.set_value(node, y);
}

void lower_convolution_backward(Lowering& to, int node) {
  const Node& convolution = to.node(node);
  const int input = convolution.inputs[0];
  const ConvolutionShape shape = shape_of(to, node);
  const Location dy = to.gradient(node);
  const Location x = to.value(input).at;
  to.append_plan(convolution.name + " backward weights",
                 convolution_backward_weights(shape, to.type),
                 {x, dy, to.allocate_weight_gradient(convolution, 0)});
  if (!to.needs_gradient(input)) return;
  const Location dx = to.allocate_value(input);
  to.append_plan(convolution.name + " backward data", convolution_backward_data(shape, to.type),
                 {dy, to.weight(convolution, 0), dx});
  to.add_gradient(input, dx);
}

}  // namespace resnext::net::cuda
