#pragma once
// oneDNN primitive descriptors, made the same way with oneDNN 2 (Debian 12) and 3 (Debian 13),
// whose interfaces differ. Scratchpads are the caller's, so that nothing is allocated during a
// step.

#include <dnnl.hpp>

namespace resnext::net::cpu {

/// Geometry of a two-dimensional convolution or pooling, the same both ways.
struct ConvolutionGeometry {
  dnnl::memory::desc source;
  dnnl::memory::desc weights;
  dnnl::memory::desc destination;
  int kernel = 1;  ///< pooling only; a convolution reads it from the weights
  int stride = 1;
  int padding = 0;
};

dnnl::convolution_forward::primitive_desc convolution_forward_descriptor(
    const dnnl::engine& engine, bool training, const ConvolutionGeometry& geometry);

dnnl::convolution_backward_data::primitive_desc convolution_backward_data_descriptor(
    const dnnl::engine& engine, const ConvolutionGeometry& geometry,
    const dnnl::convolution_forward::primitive_desc& forward);

dnnl::convolution_backward_weights::primitive_desc convolution_backward_weights_descriptor(
    const dnnl::engine& engine, const ConvolutionGeometry& geometry,
    const dnnl::convolution_forward::primitive_desc& forward);

dnnl::pooling_forward::primitive_desc max_pooling_forward_descriptor(
    const dnnl::engine& engine, bool training, const ConvolutionGeometry& geometry);

dnnl::pooling_backward::primitive_desc max_pooling_backward_descriptor(
    const dnnl::engine& engine, const ConvolutionGeometry& geometry,
    const dnnl::pooling_forward::primitive_desc& forward);

/// C (M, N) = A (M, K) * B (K, N).
dnnl::matmul::primitive_desc matmul_descriptor(const dnnl::engine& engine,
                                               const dnnl::memory::desc& a,
                                               const dnnl::memory::desc& b,
                                               const dnnl::memory::desc& c);

}  // namespace resnext::net::cpu
