#pragma once
// Which samples a replica sees at a step: a pure function of (seed, epoch, step), never of the
// number of ranks.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace resnext::data {

/// The order of an epoch (counted from 1): a uniform permutation of [0, size) drawn from
/// (seed, epoch) alone.
std::vector<std::uint32_t> epoch_permutation(std::uint64_t seed, std::uint64_t epoch,
                                             std::size_t size);

/// Cuts an epoch into global batches and those into the batches of logical replicas.
class Sampler {
 public:
  struct Options {
    std::size_t dataset_size = 0;
    int replicas = 1;
    int batch_per_replica = 1;
    std::uint64_t seed = 0;
    bool shuffle = true;
  };

  explicit Sampler(const Options& options);

  /// Steps in an epoch, a last partial batch included.
  std::uint64_t steps_per_epoch() const;

  /// Images in global batch `step` of an epoch (0-based within the epoch): replicas *
  /// batch_per_replica, or what is left for the last.
  std::size_t global_batch(std::uint64_t step) const;

  /// Sample indices of `replica` at `step` (0-based in the epoch) of `epoch` (from 1). A partial
  /// batch of n images is spread as evenly as it goes: the first n % replicas replicas hold one
  /// more; some may be empty.
  std::vector<std::uint32_t> replica_samples(std::uint64_t epoch, std::uint64_t step, int replica);

 private:
  Options options_;
  std::uint64_t cached_epoch_ = 0;
  std::vector<std::uint32_t> order_;
};

}  // namespace resnext::data
