#include "worker/comm/gradient_reduction.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "worker/gradient_norm.h"

namespace resnext::worker {

GradientReduction::GradientReduction(std::size_t arena_values, std::size_t bucket_values,
                                     ReductionMode mode, const SgdOptions& sgd,
                                     std::chrono::seconds timeout, double clip_norm)
    : mode_(mode), sgd_(sgd), clip_norm_(clip_norm) {
  exchange_.set_timeout(timeout);
  gather_.set_timeout(timeout);
  if (clip_norm_ > 0) {
    const auto blocks = [](std::size_t values) { return (values + kNormBlock - 1) / kNormBlock; };
    block_squares_.resize(blocks(arena_values));
    bucket_values = blocks(bucket_values) * kNormBlock;
  }
  cut_buckets(arena_values, bucket_values);
}

void GradientReduction::cut_buckets(std::size_t arena_values, std::size_t bucket_values) {
  std::size_t momentum_values = 0;
  for (std::size_t first = 0; first < arena_values; first += bucket_values) {
    Bucket& bucket = buckets_.emplace_back();
    bucket.first = first;
    bucket.last = std::min(arena_values, first + bucket_values);
    bucket.momentum_first = momentum_values;
    cut_segments(bucket);
    momentum_values += bucket.own_last - bucket.own_first;
  }
  momentum_.assign(momentum_values, 0.0F);
}

void GradientReduction::cut_segments(Bucket& bucket) const {
  const std::size_t ranks = static_cast<std::size_t>(exchange_.size());
  const std::size_t values = bucket.last - bucket.first;
  const std::size_t unit = clip_norm_ > 0 ? kNormBlock : 1;  // what no cut goes through
  const std::size_t units = (values + unit - 1) / unit;
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    const std::size_t from = std::min(values, units * rank / ranks * unit);
    const std::size_t to = std::min(values, units * (rank + 1) / ranks * unit);
    bucket.offsets.push_back(static_cast<int>(from));
    bucket.counts.push_back(static_cast<int>(to - from));
  }
  bucket.own_first = bucket.first;
  bucket.own_last = bucket.last;
  if (mode_ == ReductionMode::kFast || ranks == 1) return;
  const int own = bucket.counts[exchange_.rank()];
  bucket.own_first = bucket.first + bucket.offsets[exchange_.rank()];
  bucket.own_last = bucket.own_first + own;
  bucket.received.resize(own * ranks);
  bucket.received_counts.assign(ranks, own);
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    bucket.received_offsets.push_back(static_cast<int>(rank) * own);
  }
}

void GradientReduction::begin(LocalReplicaSum& local, std::span<float> parameters,
                              float learning_rate) {
  local_ = &local;
  parameters_ = parameters;
  learning_rate_ = learning_rate;
  started_ = gathered_ = 0;
  factor_ = 1;
  may_update_ = clip_norm_ == 0;
  std::fill(block_squares_.begin(), block_squares_.end(), 0.0);
  for (Bucket& bucket : buckets_) bucket.stage = Stage::kWaiting;
}

void GradientReduction::ready(std::size_t ready) {
  while (started_ < buckets_.size() && buckets_[started_].last <= ready) {
    start_reducing(buckets_[started_]);
    ++started_;
  }
  advance(false);
}

void GradientReduction::finish() {
  ready(parameters_.size());
  advance(true);
  if (!may_update_) {
    measure_norm();
    advance(true);
  }
  wait_for_gathers();
}

void GradientReduction::start_reducing(Bucket& bucket) {
  local_->finish(bucket.first, bucket.last);
  bucket.stage = Stage::kReducing;
  if (exchange_.size() == 1) return;
  float* const gradient = local_->next_gradient().data() + bucket.first;
  if (mode_ == ReductionMode::kFast) {
    check_mpi(MPI_Iallreduce(MPI_IN_PLACE, gradient, static_cast<int>(bucket.last - bucket.first),
                             MPI_FLOAT, MPI_SUM, exchange_.get(), &bucket.request),
              "MPI_Iallreduce");
    return;
  }
  check_mpi(
      MPI_Ialltoallv(gradient, bucket.counts.data(), bucket.offsets.data(), MPI_FLOAT,
                     bucket.received.data(), bucket.received_counts.data(),
                     bucket.received_offsets.data(), MPI_FLOAT, exchange_.get(), &bucket.request),
      "MPI_Ialltoallv");
}

void GradientReduction::advance(bool wait) {
  for (std::size_t i = 0; i < started_; ++i) {
    Bucket& bucket = buckets_[i];
    if (bucket.stage == Stage::kReducing) {
      if (wait)
        exchange_.wait(bucket.request, fmt::format("the exchange of gradient bucket {}", i));
      if (exchange_.test(bucket.request)) sum_segments(bucket);
    }
    if (bucket.stage == Stage::kReduced && may_update_) update(bucket);
    if (bucket.stage == Stage::kUpdated && gathered_ == i) {
      start_gathering(bucket);
      ++gathered_;
    }
  }
}

void GradientReduction::wait_for_gathers() {
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    gather_.wait(buckets_[i].request, fmt::format("the gather of weight bucket {}", i));
    buckets_[i].stage = Stage::kDone;
  }
}

/// This rank's segment of the replicas' sum.
std::span<float> GradientReduction::reduced_gradient(Bucket& bucket) {
  if (bucket.received.empty()) return own_segment(bucket, local_->next_gradient());
  return {bucket.received.data(), bucket.own_last - bucket.own_first};
}

void GradientReduction::sum_segments(Bucket& bucket) {
  const std::span<float> sum = reduced_gradient(bucket);
  if (!bucket.received.empty()) {
    std::vector<float*> parts(exchange_.size());
    for (std::size_t rank = 0; rank < parts.size(); ++rank) {
      parts[rank] = bucket.received.data() + rank * sum.size();
    }
    sum_as_tree(parts, sum.size());
  }
  bucket.stage = Stage::kReduced;
  if (clip_norm_ > 0 && !sum.empty()) {
    sum_blocks_of_squares(sum, std::span(block_squares_).subspan(bucket.own_first / kNormBlock));
  }
}

/// Each block is of one rank, and zero on the others, so that the sum over the ranks is exact. In
/// fast mode every rank has them all.
void GradientReduction::measure_norm() {
  if (mode_ == ReductionMode::kExact) exchange_.sum(std::span<double>(block_squares_));
  norm_ = norm_of_blocks(block_squares_);
  factor_ = clipping_factor(norm_, clip_norm_);
  may_update_ = true;
}

void GradientReduction::update(Bucket& bucket) {
  const std::span<float> parameters = own_segment(bucket, parameters_);
  const std::span<float> gradients = reduced_gradient(bucket);
  if (factor_ != 1) scale(gradients, factor_);
  sgd_update(sgd_, learning_rate_, gradients,
             std::span(momentum_).subspan(bucket.momentum_first, parameters.size()), parameters);
  bucket.stage = Stage::kUpdated;
}

void GradientReduction::start_gathering(Bucket& bucket) {
  bucket.stage = Stage::kGathering;
  if (gather_.size() == 1 || mode_ == ReductionMode::kFast) return;
  check_mpi(MPI_Iallgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, parameters_.data() + bucket.first,
                            bucket.counts.data(), bucket.offsets.data(), MPI_FLOAT, gather_.get(),
                            &bucket.request),
            "MPI_Iallgatherv");
}

std::vector<float> GradientReduction::gather_momentum(std::vector<float> reused) const {
  std::vector<float> whole = std::move(reused);
  if (mode_ == ReductionMode::kFast || gather_.size() == 1) {
    if (gather_.rank() == 0) whole = momentum_;
    return whole;
  }
  whole.resize(gather_.rank() == 0 ? buckets_.back().last : 0);
  for (const Bucket& bucket : buckets_) {
    const auto own = static_cast<int>(bucket.own_last - bucket.own_first);
    MPI_Request request = MPI_REQUEST_NULL;
    check_mpi(MPI_Igatherv(momentum_.data() + bucket.momentum_first, own, MPI_FLOAT,
                           whole.empty() ? nullptr : &whole[bucket.first], bucket.counts.data(),
                           bucket.offsets.data(), MPI_FLOAT, 0, gather_.get(), &request),
              "MPI_Igatherv");
    gather_.wait(request, "the gather of momentum for a checkpoint");
  }
  return whole;
}

void GradientReduction::set_momentum(std::span<const float> whole) {
  for (const Bucket& bucket : buckets_) {
    std::copy(whole.begin() + bucket.own_first, whole.begin() + bucket.own_last,
              momentum_.begin() + bucket.momentum_first);
  }
}

}  // namespace resnext::worker
