#pragma once
// A convolution with random geometry and values, and what it gives in double precision.

#include <random>
#include <string>
#include <vector>

#include "net/cpu/aligned_vector.h"
#include "net/graph.h"

namespace resnext::net::cpu {

struct ConvolutionCase {
  Node node;  ///< output shape, window, groups
  Shape input;
  int images = 1;
  std::vector<double> x, w, dy;  ///< channels last; canonical; channels last

  std::string description() const;
  std::size_t output_values() const { return images * node.output.count(); }
  std::size_t input_values() const { return images * input.count(); }

  std::vector<double> forward() const;
  std::vector<double> input_gradient() const;
  std::vector<double> weight_gradient() const;
};

/// Values are multiples of 1/16 below 1, which bf16 holds too.
ConvolutionCase draw_convolution(std::mt19937& random);

/// Of a pointwise, not grouped convolution.
ConvolutionCase draw_pointwise(std::mt19937& random);

}  // namespace resnext::net::cpu
