#include "worker/sgd.h"

#include <cstddef>

namespace resnext::worker {

// Compiled with -ffp-contract=off (worker/CMakeLists.txt): whether a compiler fuses multiply and
// add may differ between a loop's vector body and its tail, and so with where a bucket is cut.
void sgd_update(const SgdOptions& options, float learning_rate, std::span<const float> gradients,
                std::span<float> momentum, std::span<float> parameters) {
  const float m = options.momentum, decay = options.weight_decay;
  float* const x = parameters.data();
  float* const v = momentum.data();
  const float* const raw = gradients.data();
  const std::size_t count = parameters.size();
  if (options.nesterov) {
    for (std::size_t i = 0; i < count; ++i) {
      const float g = raw[i] + decay * x[i];
      v[i] = m * v[i] + g;
      x[i] -= learning_rate * (g + m * v[i]);
    }
  } else {
    for (std::size_t i = 0; i < count; ++i) {
      v[i] = m * v[i] + (raw[i] + decay * x[i]);
      x[i] -= learning_rate * v[i];
    }
  }
}

}  // namespace resnext::worker
