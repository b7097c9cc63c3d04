#pragma once
// Published figures of training on many GPUs (published.json), and what the model says of the same.

#include <optional>
#include <string>
#include <vector>

#include "net/planning/calibration.h"

namespace resnext::net {

/// One published run beside the model's.
struct Comparison {
  std::string name;
  struct Pair {
    double published = 0, modelled = 0;
  };
  std::optional<Pair> efficiency;         ///< 0.9: a GPU does 90% of what it does on the base
  std::optional<Pair> images_per_second;  ///< of all GPUs
};

/// The embedded calibration, and the file's for older GPUs. None of them is a figure compared.
Calibration calibration_for_published();

std::vector<Comparison> compare_with_published(const Calibration& calibration);

/// Over all comparisons.
ModelError error_of(const std::vector<Comparison>& comparisons);

}  // namespace resnext::net
