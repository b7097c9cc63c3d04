#include "net/cpu/dnnl_primitives.h"

namespace resnext::net::cpu {

namespace {

using dnnl::algorithm;
using dnnl::prop_kind;
using Dims = dnnl::memory::dims;

Dims square(int value) {
  return {value, value};
}

dnnl::primitive_attr user_scratchpad() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

prop_kind forward_kind(bool training) {
  return training ? prop_kind::forward_training : prop_kind::forward_inference;
}

}  // namespace

#if DNNL_VERSION_MAJOR >= 3

dnnl::convolution_forward::primitive_desc convolution_forward_descriptor(
    const dnnl::engine& engine, bool training, const ConvolutionGeometry& g) {
  return {engine,
          forward_kind(training),
          algorithm::convolution_direct,
          g.source,
          g.weights,
          g.destination,
          square(g.stride),
          square(g.padding),
          square(g.padding),
          user_scratchpad()};
}

dnnl::convolution_backward_data::primitive_desc convolution_backward_data_descriptor(
    const dnnl::engine& engine, const ConvolutionGeometry& g,
    const dnnl::convolution_forward::primitive_desc& forward) {
  return {engine,
          algorithm::convolution_direct,
          g.source,
          g.weights,
          g.destination,
          square(g.stride),
          square(g.padding),
          square(g.padding),
          forward,
          user_scratchpad()};
}

dnnl::convolution_backward_weights::primitive_desc convolution_backward_weights_descriptor(
    const dnnl::engine& engine, const ConvolutionGeometry& g,
    const dnnl::convolution_forward::primitive_desc& forward) {
  return {engine,
          algorithm::convolution_direct,
          g.source,
          g.weights,
          g.destination,
          square(g.stride),
          square(g.padding),
          square(g.padding),
          forward,
          user_scratchpad()};
}

dnnl::pooling_forward::primitive_desc max_pooling_forward_descriptor(const dnnl::engine& engine,
                                                                     bool training,
                                                                     const ConvolutionGeometry& g) {
  return {engine,
          forward_kind(training),
          algorithm::pooling_max,
          g.source,
          g.destination,
          square(g.stride),
          square(g.kernel),
          square(0),
          square(g.padding),
          square(g.padding),
          user_scratchpad()};
}

dnnl::pooling_backward::primitive_desc max_pooling_backward_descriptor(
    const dnnl::engine& engine, const ConvolutionGeometry& g,
    const dnnl::pooling_forward::primitive_desc& forward) {
  return {engine,        algorithm::pooling_max, g.source,
          g.destination, square(g.stride),       square(g.kernel),
          square(0),     square(g.padding),      square(g.padding),
          forward,       user_scratchpad()};
}

dnnl::matmul::primitive_desc matmul_descriptor(const dnnl::engine& engine,
                                               const dnnl::memory::desc& a,
                                               const dnnl::memory::desc& b,
                                               const dnnl::memory::desc& c) {
  return {engine, a, b, c, user_scratchpad()};
}

#else

dnnl::convolution_forward::primitive_desc convolution_forward_descriptor(
    const dnnl::engine& engine, bool training, const ConvolutionGeometry& g) {
  const dnnl::convolution_forward::desc operation(
      forward_kind(training), algorithm::convolution_direct, g.source, g.weights, g.destination,
      square(g.stride), square(g.padding), square(g.padding));
  return {operation, user_scratchpad(), engine};
}

dnnl::convolution_backward_data::primitive_desc convolution_backward_data_descriptor(
    const dnnl::engine& engine, const ConvolutionGeometry& g,
    const dnnl::convolution_forward::primitive_desc& forward) {
  const dnnl::convolution_backward_data::desc operation(algorithm::convolution_direct, g.source,
                                                        g.weights, g.destination, square(g.stride),
                                                        square(g.padding), square(g.padding));
  return {operation, user_scratchpad(), engine, forward};
}

dnnl::convolution_backward_weights::primitive_desc convolution_backward_weights_descriptor(
    const dnnl::engine& engine, const ConvolutionGeometry& g,
    const dnnl::convolution_forward::primitive_desc& forward) {
  const dnnl::convolution_backward_weights::desc operation(
      algorithm::convolution_direct, g.source, g.weights, g.destination, square(g.stride),
      square(g.padding), square(g.padding));
  return {operation, user_scratchpad(), engine, forward};
}

dnnl::pooling_forward::primitive_desc max_pooling_forward_descriptor(const dnnl::engine& engine,
                                                                     bool training,
                                                                     const ConvolutionGeometry& g) {
  const dnnl::pooling_forward::desc operation(
      forward_kind(training), algorithm::pooling_max, g.source, g.destination, square(g.stride),
      square(g.kernel), square(g.padding), square(g.padding));
  return {operation, user_scratchpad(), engine};
}

dnnl::pooling_backward::primitive_desc max_pooling_backward_descriptor(
    const dnnl::engine& engine, const ConvolutionGeometry& g,
    const dnnl::pooling_forward::primitive_desc& forward) {
  const dnnl::pooling_backward::desc operation(algorithm::pooling_max, g.source, g.destination,
                                               square(g.stride), square(g.kernel),
                                               square(g.padding), square(g.padding));
  return {operation, user_scratchpad(), engine, forward};
}

dnnl::matmul::primitive_desc matmul_descriptor(const dnnl::engine& engine,
                                               const dnnl::memory::desc& a,
                                               const dnnl::memory::desc& b,
                                               const dnnl::memory::desc& c) {
  return {dnnl::matmul::desc(a, b, c), user_scratchpad(), engine};
}

#endif

}  // namespace resnext::net::cpu
