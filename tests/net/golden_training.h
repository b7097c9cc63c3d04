#pragma once
// Training steps as PyTorch computed them (tests/golden/make_training_golden.py), read into the
// order of our parameter arena.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "net/engine.h"
#include "net/graph.h"

namespace resnext::net {

/// One mini-batch and what PyTorch made of it.
struct GoldenStep {
  std::vector<std::uint8_t> pixels;
  std::vector<std::int32_t> labels;
  double loss = 0;  ///< mean over the batch, before the update
  std::vector<float> logits;

  Batch batch() const { return {static_cast<int>(labels.size()), pixels, labels}; }
};

/// Values of one parameter: every `stride`-th of the arena's slice.
struct GoldenTensor {
  std::string name;
  std::size_t offset = 0;  ///< of its first value in the arena
  std::size_t stride = 1;
  std::vector<float> values;
};

struct GoldenTraining {
  Graph graph;
  Normalisation normalisation;
  float learning_rate = 0, momentum = 0, weight_decay = 0;
  std::vector<float> initial_parameters;  ///< the whole arena
  std::vector<GoldenStep> steps;
  std::vector<GoldenTensor> first_gradients;   ///< of the mean loss, before weight decay
  std::vector<GoldenTensor> first_statistics;  ///< after the first step
  std::vector<GoldenTensor> last_parameters;   ///< after the last update
  std::vector<GoldenTensor> last_statistics;
  std::vector<float> evaluation_logits;  ///< of the first step's images, at the end
};

/// Reads tests/golden/training_MODEL.h5. Throws where it does not describe the graph of that name.
GoldenTraining read_golden_training(const std::string& model);

/// The models there are files of.
std::vector<std::string> golden_training_models();

}  // namespace resnext::net
