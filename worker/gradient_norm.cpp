#include "worker/gradient_norm.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace resnext::worker {

// Compiled with -ffp-contract=off, like sgd.cpp.
double sum_of_squares(std::span<const float> values) {
  std::array<double, 8> lanes{};  // one sum alone would wait for each addition
  for (std::size_t i = 0; i < values.size(); ++i) {
    lanes[i % lanes.size()] += double(values[i]) * double(values[i]);
  }
  return std::accumulate(lanes.begin(), lanes.end(), 0.0);
}

void sum_blocks_of_squares(std::span<const float> values, std::span<double> blocks) {
  for (std::size_t first = 0; first < values.size(); first += kNormBlock) {
    const std::size_t count = std::min(kNormBlock, values.size() - first);
    blocks[first / kNormBlock] = sum_of_squares(values.subspan(first, count));
  }
}

double norm_of_blocks(std::span<const double> blocks) {
  return std::sqrt(std::accumulate(blocks.begin(), blocks.end(), 0.0));
}

float clipping_factor(double norm, double limit) {
  const double factor = limit / (norm + 1e-6);
  return factor > 1 ? 1.0F : static_cast<float>(factor);
}

void scale(std::span<float> values, float factor) {
  for (float& value : values) value *= factor;
}

}  // namespace resnext::worker
