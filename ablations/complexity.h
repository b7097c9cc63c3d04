#pragma once
// What a network costs, as resnext-info says, and the paper's rule for keeping that equal.

#include <cstdint>
#include <string>

#include "ablations/dataset.h"
#include "ablations/programs.h"

namespace resnext::ablations {

struct Complexity {
  std::uint64_t parameters = 0;
  std::uint64_t multiply_adds = 0;  ///< of one image forward: the paper's FLOPs
  std::string graph;  ///< equal for equal networks: a hash of all that resnext-info says
};

/// Of `model` on the images of `set`. Throws std::runtime_error with resnext-info's words.
Complexity complexity_of(const std::string& model, const Dataset& set, const Programs& programs);

/// 100 (value - baseline) / baseline.
double percent_above(std::uint64_t value, std::uint64_t baseline);

}  // namespace resnext::ablations
