#pragma once
// Which options of resnext-worker are in force in a run, and how long that makes it.

#include <cstdint>
#include <string>

#include "ablations/dataset.h"
#include "ablations/programs.h"
#include "ablations/table.h"

namespace resnext::ablations {

/// The options of a preset of resnext-worker ("cifar"); none for an empty name. Throws
/// std::runtime_error with the worker's words.
Options preset_options(const std::string& preset, const Programs& programs);

/// `later` goes before `earlier`. A length in steps replaces one in epochs, and the reverse.
Options overlaid(Options earlier, const Options& later);

/// What a run does, in numbers.
struct Length {
  std::uint64_t steps = 0;
  std::uint64_t images = 0;             ///< trained on, all steps together
  std::uint64_t validation_images = 0;  ///< tested, all evaluations together
  int replicas = 1;
  int batch_per_replica = 1;
};

/// Of a run with these options in force; without shards, on the worker's synthetic set. Throws
/// std::runtime_error for an option that is no number.
Length length_of(const Options& in_force, const ShardSets& shards);

}  // namespace resnext::ablations
