#include "net/cuda/layer_graphs.h"
#include "net/cuda/lowering.h"

namespace resnext::net::cuda {

void lower_max_pool(Lowering& to, int node) {
  const Node& pool = to.node(node);
  const Activation x = to.value(pool.inputs[0]);
  const Location y = to.allocate_value(node);
  const Location index = to.allocate(bytes_of(DataType::kInt8, to.values(node)));
  to.pool_indices[node] = index;
  to.append_plan(pool.name,
                 max_pool_forward(to.dims(pool.inputs[0]), to.dims(node), pool.window, to.type),
                 {x.at, y, index});
  to.set_value(node, y);
}

void lower_max_pool_backward(Lowering& to, int node) {
  const Node& pool = to.node(node);
  const int input = pool.inputs[0];
  if (!to.needs_gradient(input)) return;
  const Location dy = to.gradient(node);
  const Location dx = to.allocate_value(input);
  to.append_plan(pool.name + " backward",
                 max_pool_backward(to.dims(input), to.dims(node), pool.window, to.type),
                 {dy, to.pool_indices.at(node), dx});
  to.add_gradient(input, dx);
}

namespace {

AveragePoolStep average_pool(const Lowering& to, int node) {
  AveragePoolStep step;
  step.image = to.node(to.node(node).inputs[0]).output;
  step.image.channels = to.padded(node);
  step.window = to.node(node).window.kernel;
  return step;
}

}  // namespace

void lower_average_pool(Lowering& to, int node) {
  AveragePoolStep step = average_pool(to, node);
  step.x = to.value(to.node(node).inputs[0]).at;
  step.y = to.allocate_value(node);
  to.set_value(node, step.y);
  to.append(to.node(node).name, step);
}

void lower_average_pool_backward(Lowering& to, int node) {
  const int input = to.node(node).inputs[0];
  if (!to.needs_gradient(input)) return;
  AveragePoolStep step = average_pool(to, node);
  step.backward = true;
  step.y = to.gradient(node);
  step.x = to.allocate_value(input);
  to.add_gradient(input, step.x);
  to.append(to.node(node).name + " backward", step);
}

}  // namespace resnext::net::cuda
