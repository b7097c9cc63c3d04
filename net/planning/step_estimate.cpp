#include "net/planning/step_estimate.h"

#include <algorithm>

namespace resnext::net {
namespace {

constexpr double kMib = 1 << 20;
constexpr double kFloat = sizeof(float);
/// Weight, momentum and gradient read; weight and momentum written.
constexpr double kUpdateBytes = 5 * kFloat;
constexpr double kLargestBucketMib = 1024;  // of --bucket-mib

}  // namespace

std::vector<std::size_t> bucket_sizes(std::size_t parameters, const ReductionScheme& scheme,
                                      int gpus) {
  const std::size_t unit = scheme.exact ? std::size_t(gpus) : 1;
  const auto wanted = static_cast<std::size_t>(scheme.bucket_mib * kMib / kFloat);
  const std::size_t size = (std::max<std::size_t>(1, wanted) + unit - 1) / unit * unit;
  std::vector<std::size_t> sizes;
  for (std::size_t first = 0; first < parameters; first += size) {
    sizes.push_back(std::min(size, parameters - first));
  }
  return sizes;
}

double reduction_seconds(std::size_t values, const ReductionScheme& scheme,
                         const Interconnect& interconnect, double memory_bandwidth) {
  const auto gpus = std::size_t(interconnect.gpus());
  if (!scheme.exact || gpus == 1) {
    return interconnect.all_reduce(double(values) * scheme.bytes_per_gradient) +
           double(values) * kUpdateBytes / memory_bandwidth;
  }
  const std::size_t whole = (values + gpus - 1) / gpus;
  const auto segment = double(whole);
  const double memory_bytes = segment * (kFloat * double(gpus + 1) + kUpdateBytes);
  return interconnect.exchange(segment * kFloat) + memory_bytes / memory_bandwidth +
         interconnect.gather(segment * kFloat * double(gpus));
}

StepEstimate estimate_step(const ComputeProfile& profile, const Interconnect& interconnect,
                           const ReductionScheme& scheme) {
  StepEstimate estimate;
  estimate.bucket_mib = scheme.bucket_mib;
  double end = 0;
  std::size_t filled = 0;
  auto ready = profile.ready.begin();
  for (const std::size_t values : bucket_sizes(profile.parameters, scheme, interconnect.gpus())) {
    filled += values;
    while (ready->values < filled) ++ready;
    const double taken = reduction_seconds(values, scheme, interconnect, profile.memory_bandwidth);
    end = std::max(end, ready->seconds) + taken;
    estimate.reduction += taken;
  }
  estimate.exposed = std::max(0.0, end - profile.seconds);
  estimate.seconds = profile.seconds + estimate.exposed + profile.refresh_seconds;
  return estimate;
}

StepEstimate estimate_best_step(const ComputeProfile& profile, const Interconnect& interconnect,
                                ReductionScheme scheme) {
  StepEstimate best;
  const double all = double(profile.parameters) * kFloat / kMib;
  for (scheme.bucket_mib = 1; scheme.bucket_mib <= kLargestBucketMib; scheme.bucket_mib *= 2) {
    const StepEstimate estimate = estimate_step(profile, interconnect, scheme);
    if (best.bucket_mib == 0 || estimate.seconds < best.seconds) best = estimate;
    if (scheme.bucket_mib >= all) break;
  }
  return best;
}

}  // namespace resnext::net
