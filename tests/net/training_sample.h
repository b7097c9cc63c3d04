#pragma once
// Random data for one training step of any graph.

#include <cstdint>
#include <vector>

#include "net/engine.h"
#include "net/graph.h"

namespace resnext::net {

struct TrainingSample {
  Normalisation normalisation;
  std::vector<std::uint8_t> pixels;
  std::vector<std::int32_t> labels;
  std::vector<float> parameters;  ///< the arena
  std::vector<float> statistics;

  Batch batch() const { return {static_cast<int>(labels.size()), pixels, labels}; }
};

/// The same for the same seed.
TrainingSample draw_training_sample(const Graph& graph, int images, unsigned seed);

/// A sample for which no ReLU and no pooling window is so near its kink that rounding decides where
/// gradients go: there, fp32 and double may rightly disagree.
TrainingSample draw_smooth_training_sample(const Graph& graph, int images, unsigned seed);

}  // namespace resnext::net
