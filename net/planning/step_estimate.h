#pragma once
// The time of a training step on many GPUs: a compute stream, and beside it a stream that reduces
// the gradient buckets one after the other as they become ready, as net/cuda/device_reduction.cpp
// issues them.
//
// With t_b the time at which bucket b is ready and d_b what its reduction takes, the reduction of
// bucket b ends at e_b = max(t_b, e_(b-1)) + d_b, and the step ends at max(compute, e_last) plus
// the refresh of the working weights. For a bucket of n values on P GPUs,
//
//   exact: d = exchange(4 s) + (4 (P + 1) + 20) s / M + gather(4 s P),  with s = ceil(n / P)
//   fast:  d = all_reduce(4 n) + 20 n / M
//
// where M is the memory bandwidth: the tree sum reads P parts and writes one, and SGD reads weight,
// momentum and gradient and writes the first two. On one GPU there is only the update. Sums,
// updates and transfers are taken not to slow the kernels that they run beside.

#include <algorithm>
#include <cstddef>
#include <vector>

#include "net/planning/compute_profile.h"
#include "net/planning/interconnect.h"

namespace resnext::net {

struct ReductionScheme {
  bool exact = true;              ///< --reduce exact, else fast
  double bucket_mib = 4;          ///< of fp32 gradients; usual in resnext-worker
  double bytes_per_gradient = 4;  ///< that an all-reduce (fast) sends
};

struct StepEstimate {
  double seconds = 0;
  double reduction = 0;  ///< all transfers, sums and updates of the step
  double exposed = 0;    ///< what of it is after the backward pass
  double bucket_mib = 0;

  double hidden() const { return std::max(0.0, reduction - exposed); }
};

/// The numbers of values of the buckets, in order, as DeviceReduction cuts them.
std::vector<std::size_t> bucket_sizes(std::size_t parameters, const ReductionScheme& scheme,
                                      int gpus);

/// What the reduction of one bucket of `values` takes, in seconds.
double reduction_seconds(std::size_t values, const ReductionScheme& scheme,
                         const Interconnect& interconnect, double memory_bandwidth);

StepEstimate estimate_step(const ComputeProfile& profile, const Interconnect& interconnect,
                           const ReductionScheme& scheme);

/// The fastest of buckets of 1, 2, 4, … MiB, up to all gradients in one; of equals the smallest.
StepEstimate estimate_best_step(const ComputeProfile& profile, const Interconnect& interconnect,
                                ReductionScheme scheme);

}  // namespace resnext::net
