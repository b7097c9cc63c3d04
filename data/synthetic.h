#pragma once
// The built-in data set for runs without --data: learnable, and the same on every machine.

#include <cstdint>
#include <memory>

#include "data/image_source.h"

namespace resnext::data {

struct SyntheticOptions {
  std::size_t size = 4096;
  int classes = 10;
  int height = 32, width = 32, channels = 3;
  std::uint64_t seed = 0;  ///< use different seeds for training and validation samples
};

/// Images that are a pure function of (seed, index), equal bytes on every machine: a smooth pattern
/// that depends on the class alone (so sets of different seeds have the same classes), shifted at
/// random, plus noise. Sample i is of class i % classes. Throws std::invalid_argument for options
/// that make no images.
std::unique_ptr<ImageSource> make_synthetic(const SyntheticOptions& options);

}  // namespace resnext::data
