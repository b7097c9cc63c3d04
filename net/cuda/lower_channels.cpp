// Layers that only move channels: concatenation, and shortcuts of zeros (type A).

#include "net/cuda/lowering.h"

namespace resnext::net::cuda {
namespace {

int channels_of(const Lowering& to, int node) {
  return to.node(node).output.channels;
}

}  // namespace

void lower_concatenation(Lowering& to, int node) {
  const Location y = to.allocate_value(node);
  int at = 0;
  for (const int input : to.node(node).inputs) {
    CopyChannelsStep copy;
    copy.from = to.value(input).at;
    copy.to = to.use(y);
    copy.pixels = to.pixels(node);
    copy.from_pitch = to.padded(input);
    copy.to_pitch = to.padded(node);
    copy.to_channel = at;
    copy.channels = channels_of(to, input);
    at += copy.channels;
    copy.clear_to = at == channels_of(to, node) ? copy.to_pitch : at;
    to.append(to.node(node).name, copy);
  }
  to.set_value(node, y);
}

void lower_concatenation_backward(Lowering& to, int node) {
  int at = 0;
  for (const int input : to.node(node).inputs) {
    CopyChannelsStep copy;
    copy.from_channel = at;
    copy.channels = channels_of(to, input);
    at += copy.channels;
    if (!to.needs_gradient(input)) continue;
    copy.from = to.gradient(node);
    copy.to = to.allocate_value(input);
    copy.pixels = to.pixels(node);
    copy.from_pitch = to.padded(node);
    copy.to_pitch = copy.clear_to = to.padded(input);
    to.add_gradient(input, copy.to);
    to.append(to.node(node).name + " backward", copy);
  }
}

namespace {

SubsampleStep subsample(const Lowering& to, int node) {
  const int input = to.node(node).inputs[0];
  SubsampleStep step;
  step.from = to.node(input).output;
  step.to = to.node(node).output;
  step.channels = step.from.channels;
  step.from.channels = to.padded(input);
  step.to.channels = to.padded(node);
  step.stride = to.node(node).window.stride;
  return step;
}

}  // namespace

void lower_zero_padding(Lowering& to, int node) {
  SubsampleStep step = subsample(to, node);
  step.x = to.value(to.node(node).inputs[0]).at;
  step.y = to.allocate_value(node);
  to.set_value(node, step.y);
  to.append(to.node(node).name, step);
}

void lower_zero_padding_backward(Lowering& to, int node) {
  const int input = to.node(node).inputs[0];
  if (!to.needs_gradient(input)) return;
  SubsampleStep step = subsample(to, node);
  step.backward = true;
  step.y = to.gradient(node);
  step.x = to.allocate_value(input);
  to.add_gradient(input, step.x);
  to.append(to.node(node).name + " backward", step);
}

}  // namespace resnext::net::cuda
