#pragma once
// The batches of a rank's replicas, step after step, pass after pass through the training set.

#include <memory>

#include "data/augment/transform.h"
#include "data/loader.h"
#include "data/sampler.h"
#include "worker/setup.h"

namespace resnext::worker {

class StepLoader {
 public:
  /// For the step's micro-batches [first, first + count), of which each replica has --accumulate
  /// neighbours, from step `first_step` (0-based, of the whole run) on. `setup` must outlive the
  /// loader.
  StepLoader(Setup& setup, int first, int count, std::uint64_t first_step);

  /// The next micro-batch of the present step; they come in order, then the next step.
  const data::LoadedBatch& next();

  /// Images of all replicas together in a step of the run.
  std::size_t global_batch(std::uint64_t step) const;

  double take_wait_seconds() { return loader_->take_wait_seconds(); }

 private:
  data::Sampler sampler_;
  std::unique_ptr<data::Transform> transform_;
  std::unique_ptr<data::Loader> loader_;
};

}  // namespace resnext::worker
