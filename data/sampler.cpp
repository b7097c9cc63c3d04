#include "data/sampler.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "data/random.h"

namespace resnext::data {
namespace {

std::vector<std::uint32_t> identity_order(std::size_t size) {
  if (size > std::numeric_limits<std::uint32_t>::max())
    throw std::invalid_argument(
        fmt::format("a data set of {} samples is too large: at most 2^32 - 1 are supported", size));
  std::vector<std::uint32_t> order(size);
  std::iota(order.begin(), order.end(), 0u);
  return order;
}

}  // namespace

std::vector<std::uint32_t> epoch_permutation(std::uint64_t seed, std::uint64_t epoch,
                                             std::size_t size) {
  std::vector<std::uint32_t> order = identity_order(size);
  Draws draws(Purpose::kPermutation, {seed, epoch});
  for (std::size_t left = size; left > 1; --left)
    std::swap(order[left - 1], order[draws.below(left)]);
  return order;
}

Sampler::Sampler(const Options& options) : options_(options) {
  if (options.dataset_size == 0) throw std::invalid_argument("the data set has no samples");
  if (options.replicas < 1 || options.batch_per_replica < 1)
    throw std::invalid_argument(fmt::format("{} replicas of {} images: both must be at least 1",
                                            options.replicas, options.batch_per_replica));
  if (!options.shuffle) order_ = identity_order(options.dataset_size);
}

std::uint64_t Sampler::steps_per_epoch() const {
  const std::size_t full = std::size_t(options_.replicas) * options_.batch_per_replica;
  return (options_.dataset_size + full - 1) / full;
}

std::size_t Sampler::global_batch(std::uint64_t step) const {
  if (step >= steps_per_epoch())
    throw std::out_of_range(
        fmt::format("step {} of an epoch of {} steps", step, steps_per_epoch()));
  const std::size_t full = std::size_t(options_.replicas) * options_.batch_per_replica;
  return std::min(full, options_.dataset_size - step * full);
}

std::vector<std::uint32_t> Sampler::replica_samples(std::uint64_t epoch, std::uint64_t step,
                                                    int replica) {
  if (replica < 0 || replica >= options_.replicas)
    throw std::out_of_range(fmt::format("replica {} of {}", replica, options_.replicas));
  const std::size_t images = global_batch(step);
  if (options_.shuffle && (order_.empty() || epoch != cached_epoch_)) {
    order_ = epoch_permutation(options_.seed, epoch, options_.dataset_size);
    cached_epoch_ = epoch;
  }
  const std::size_t replicas = options_.replicas, index = replica;
  const std::size_t share = images / replicas, longer = images % replicas;
  const std::size_t batch_start = step * (replicas * options_.batch_per_replica);
  const auto first = order_.begin() + static_cast<std::ptrdiff_t>(batch_start + index * share +
                                                                  std::min(index, longer));
  return {first, first + static_cast<std::ptrdiff_t>(share + (index < longer ? 1 : 0))};
}

}  // namespace resnext::data
