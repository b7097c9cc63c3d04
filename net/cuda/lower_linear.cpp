// The classifier as matrix products with fp32 logits; in strict fp32 as a convolution over the
// whole map, since cuDNN's matrix products round fp32 factors to TF32.

#include "net/cuda/layer_graphs.h"
#include "net/cuda/lowering.h"

namespace resnext::net::cuda {
namespace {

struct LinearShape {
  std::int64_t images, features, classes;
};

LinearShape shape_of(const Lowering& to, int node) {
  const int input = to.node(node).inputs[0];
  return {to.batch_size, std::int64_t(to.values(input)) / to.batch_size, to.padded(node)};
}

/// (N, features) as (N, features, 1, 1).
ConvolutionShape as_convolution(const LinearShape& shape) {
  return {{shape.images, shape.features, 1, 1},
          {shape.classes, shape.features, 1, 1},
          {shape.images, shape.classes, 1, 1},
          {}};
}

BiasStep bias_step(Lowering& to, int node, bool backward) {
  BiasStep step;
  step.backward = backward;
  step.pitch = to.padded(node);
  step.type = backward ? to.type : DataType::kFloat;
  return step;
}

}  // namespace

void lower_linear(Lowering& to, int node) {
  const Node& linear = to.node(node);
  const LinearShape shape = shape_of(to, node);
  const Location x = to.value(linear.inputs[0]).at;
  const Location logits = to.allocate(bytes_of(DataType::kFloat, to.values(node)));
  to.append_plan(linear.name,
                 to.type == DataType::kFloat
                     ? convolution_forward(as_convolution(shape), to.type)
                     : matrix_product({shape.images, shape.features, false, to.type},
                                      {shape.features, shape.classes, true, to.type},
                                      {shape.images, shape.classes, false, DataType::kFloat}),
                 {x, to.weight(linear, 0), logits});
  BiasStep bias = bias_step(to, node, false);
  bias.logits = to.use(logits);
  bias.bias = to.weight(linear, 1);
  to.append(linear.name + " bias", bias);
  to.set_value(node, logits, DataType::kFloat);
}

void lower_linear_backward(Lowering& to, int node) {
  const Node& linear = to.node(node);
  const LinearShape shape = shape_of(to, node);
  const bool strict = to.type == DataType::kFloat;
  const Location dlogits = to.gradient(node);
  const Location x = to.value(linear.inputs[0]).at;
  const Location dweight = to.allocate_weight_gradient(linear, 0);
  if (strict) {
    to.append_plan(linear.name + " backward weights",
                   convolution_backward_weights(as_convolution(shape), to.type),
                   {x, dlogits, dweight});
  } else {
    to.append_plan(linear.name + " backward weights",
                   matrix_product({shape.classes, shape.images, true, to.type},
                                  {shape.images, shape.features, false, to.type},
                                  {shape.classes, shape.features, false, to.type}),
                   {dlogits, x, dweight});
  }
  BiasStep bias = bias_step(to, node, true);
  bias.logits = to.use(dlogits);
  bias.bias = to.allocate_weight_gradient(linear, 1);
  to.append(linear.name + " bias backward", bias);
  const int input = linear.inputs[0];
  if (!to.needs_gradient(input)) return;
  const Location dx = to.allocate_value(input);
  const std::vector<Location> tensors{to.use(dlogits), to.weight(linear, 0), dx};
  to.append_plan(linear.name + " backward data",
                 strict ? convolution_backward_data(as_convolution(shape), to.type)
                        : matrix_product({shape.images, shape.classes, false, to.type},
                                         {shape.classes, shape.features, false, to.type},
                                         {shape.images, shape.features, false, to.type}),
                 tensors);
  to.add_gradient(input, dx);
}

}  // namespace resnext::net::cuda
