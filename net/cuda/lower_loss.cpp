#include "net/cuda/lowering.h"

namespace resnext::net::cuda {

/// In training the same kernel writes the logits' gradient: it has the probabilities at hand.
void lower_loss(Lowering& to, int node) {
  const int input = to.node(node).inputs[0];
  const Activation logits = to.value(input);
  SoftmaxStep step;
  step.logits = logits.at;
  step.type = logits.type;
  step.gradient_type = to.type;
  step.classes = static_cast<int>(to.node(input).output.count());
  step.pitch = static_cast<int>(to.values(input) / std::size_t(to.batch_size));
  step.training = to.training;
  // Evaluation counts the plain loss, so that recipes can be compared.
  step.smoothing = to.training ? to.node(node).label_smoothing : 0.0F;
  if (to.training) step.gradient = to.allocate_value(input);
  to.losses[node] = step;
  to.append(to.node(node).name, step);
}

void lower_loss_backward(Lowering& to, int node) {
  to.add_gradient(to.node(node).inputs[0], to.losses.at(node).gradient);
}

}  // namespace resnext::net::cuda
