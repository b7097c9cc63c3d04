#include "net/cuda/device_reduction.h"

#include <algorithm>
#include <bit>
#include <utility>

#include <fmt/format.h>

#include "net/cuda/kernels/launch.h"

namespace resnext::net::cuda {
namespace {

/// Values whose squares are summed by one rank, whatever their number (worker/gradient_norm.h).
constexpr std::size_t kNormBlock = 1024;

std::size_t rounded_up(std::size_t value, std::size_t unit) {
  return (value + unit - 1) / unit * unit;
}

}  // namespace

DeviceReduction::DeviceReduction(CudaEngine& engine, const StepOptions& options,
                                 const RankPosition& position, std::span<const float> parameters)
    : engine_(engine), options_(options), position_(position) {
  if (position.size > 1) {
    communicator_ = std::make_unique<NcclCommunicator>(position, options.timeout);
  }
  cut_buckets(parameters.size(), options.bucket_values);
  const std::size_t received =
      buckets_.empty()
          ? 0
          : buckets_.back().received_first + buckets_.back().segment * std::size_t(position.size);
  // All gather whole segments, so that the last may reach beyond the arena.
  parameters_ = CollectiveMemory(std::max(received, parameters.size()));
  if (is_sharded()) received_ = CollectiveMemory(received);
  const auto levels =
      static_cast<int>(std::bit_width(static_cast<unsigned>(options.local_batches - 1)));
  for (int level = 0; level < levels; ++level) {
    levels_.emplace_back(parameters.size_bytes());
  }
  occupied_.assign(levels_.size(), false);
  if (options.clip_norm > 0) {
    squares_ =
        DeviceMemory(rounded_up(parameters.size(), kNormBlock) / kNormBlock * sizeof(double));
    norm_ = DeviceMemory(sizeof(double));
    factor_ = DeviceMemory(sizeof(float));
  }
  if (communicator_) {
    communicator_->offer(engine.gradients());
    communicator_->offer(parameters_);
    if (is_sharded()) communicator_->offer(received_);
  }
  // On the stream that packs weights first; ours waits for it before it updates them.
  engine.stream().clear(momentum_.data(), momentum_.bytes());
  engine.stream().copy(parameters_.data(), parameters.data(), parameters.size_bytes());
}

/// Bucket bounds are such that every bucket but the last is cut into whole segments.
void DeviceReduction::cut_buckets(std::size_t values, std::size_t bucket_values) {
  const std::size_t block = options_.clip_norm > 0 ? kNormBlock : 1;
  const std::size_t unit = block * std::size_t(is_sharded() ? position_.size : 1);
  const std::size_t step = rounded_up(std::max<std::size_t>(1, bucket_values), unit);
  std::size_t momentum = 0, received = 0;
  for (std::size_t first = 0; first < values; first += step) {
    Bucket& bucket = buckets_.emplace_back();
    bucket.first = first;
    bucket.last = std::min(values, first + step);
    bucket.computed = Event(name("gradient bucket", bucket));
    bucket.momentum_first = momentum;
    bucket.received_first = received;
    cut_segments(bucket);
    // Whole segments, as they are gathered whole.
    momentum += is_sharded() ? bucket.segment : bucket.last - bucket.first;
    received += bucket.segment * std::size_t(position_.size);
  }
  momentum_ = DeviceMemory(momentum * sizeof(float));
}

void DeviceReduction::cut_segments(Bucket& bucket) const {
  const std::size_t values = bucket.last - bucket.first;
  bucket.own_first = bucket.first;
  bucket.own_last = bucket.last;
  bucket.segment = values;
  if (!is_sharded()) return;
  const std::size_t block = options_.clip_norm > 0 ? kNormBlock : 1;
  const std::size_t ranks = std::size_t(position_.size);
  bucket.segment = rounded_up((values + ranks - 1) / ranks, block);
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    const std::size_t from = std::min(values, rank * bucket.segment);
    const std::size_t to = std::min(values, from + bucket.segment);
    bucket.parts.push_back({bucket.first + from, to - from});
  }
  const NcclCommunicator::Part& own = bucket.parts[std::size_t(position_.rank)];
  bucket.own_first = own.offset;
  bucket.own_last = own.offset + own.count;
}

std::string DeviceReduction::name(const char* what, const Bucket& bucket) const {
  return fmt::format("{} {}", what, &bucket - buckets_.data());
}

void DeviceReduction::begin(float learning_rate) {
  learning_rate_ = learning_rate;
  started_ = 0;
  std::fill(occupied_.begin(), occupied_.end(), false);
  stream_.clear(squares_.data(), squares_.bytes());
}

void DeviceReduction::add() {
  const CollectiveMemory& current = engine_.gradients();
  for (std::size_t level = 0; level < levels_.size(); ++level) {
    if (!occupied_[level]) {
      engine_.stream().copy(levels_[level].data(), current.data(), levels_[level].bytes());
      occupied_[level] = true;
      return;
    }
    add_values(current.data(), levels_[level].as<float>(), current.values(),
               engine_.stream().get());
    occupied_[level] = false;
  }
}

void DeviceReduction::ready(std::size_t ready) {
  const std::size_t first = started_;
  while (started_ < buckets_.size() && buckets_[started_].last <= ready) ++started_;
  if (started_ == first) return;
  engine_.stream().record(buckets_[first].computed);
  stream_.wait(buckets_[first].computed);
  for (std::size_t i = first; i < started_; ++i) {
    reduce(buckets_[i]);
    if (options_.clip_norm == 0) update(buckets_[i]);
  }
}

void DeviceReduction::finish() {
  if (!buckets_.empty()) ready(buckets_.back().last);
  if (options_.clip_norm > 0) {
    measure_norm();
    for (const Bucket& bucket : buckets_) update(bucket);
  }
  stream_.record(done_);
  engine_.stream().wait(done_);
}

void DeviceReduction::wait() {
  if (communicator_) communicator_->wait(done_, "the step on its own GPU");
}

/// Where this rank's summed part of a bucket is.
float* DeviceReduction::reduced(const Bucket& bucket) const {
  return is_sharded() ? received_.data() + bucket.received_first
                      : engine_.gradients().data() + bucket.own_first;
}

void DeviceReduction::reduce(const Bucket& bucket) {
  float* const gradients = engine_.gradients().data();
  for (std::size_t level = 0; level < levels_.size(); ++level) {
    if (!occupied_[level]) continue;
    add_values(gradients + bucket.first, levels_[level].as<float>() + bucket.first,
               bucket.last - bucket.first, stream_.get());
  }
  const std::size_t own = bucket.own_last - bucket.own_first;
  if (is_sharded()) {
    float* const parts = received_.data() + bucket.received_first;
    communicator_->exchange(gradients, bucket.parts, parts, bucket.segment, own, stream_,
                            name("the exchange of gradient bucket", bucket));
    sum_parts(parts, position_.size, bucket.segment, parts, own, stream_.get());
  } else if (communicator_) {
    communicator_->sum(gradients + bucket.first, bucket.last - bucket.first, stream_,
                       name("the sum of gradient bucket", bucket));
  }
  stream_.record(bucket.reduced);
  if (options_.clip_norm > 0) {
    block_squares(reduced(bucket), own, static_cast<int>(kNormBlock),
                  squares_.as<double>() + bucket.own_first / kNormBlock, stream_.get());
  }
}

/// Each block is of one rank, and zero on the others, so that the sum over the ranks is exact.
void DeviceReduction::measure_norm() {
  const std::size_t blocks = squares_.bytes() / sizeof(double);
  if (is_sharded()) {
    communicator_->sum(squares_.as<double>(), blocks, stream_, "the sum of squares");
  }
  clipping_factor(squares_.as<double>(), blocks, options_.clip_norm, norm_.as<double>(),
                  factor_.as<float>(), stream_.get());
}

void DeviceReduction::update(const Bucket& bucket) {
  const float* factor = options_.clip_norm > 0 ? factor_.as<float>() : nullptr;
  sgd_update(options_.sgd, learning_rate_, reduced(bucket), factor,
             momentum_.as<float>() + bucket.momentum_first, parameters_.data() + bucket.own_first,
             bucket.own_last - bucket.own_first, stream_.get());
  if (is_sharded()) {
    communicator_->gather(parameters_.data() + bucket.first, bucket.segment, stream_,
                          name("the gather of weight bucket", bucket));
  }
  stream_.record(bucket.gathered);
}

double DeviceReduction::gradient_norm() {
  double norm = 0;
  if (options_.clip_norm > 0) {
    stream_.copy(&norm, norm_.data(), sizeof norm);
    stream_.synchronize("the gradient's norm");
  }
  return norm;
}

void DeviceReduction::set_momentum(std::span<const float> whole) {
  for (const Bucket& bucket : buckets_) {
    stream_.copy(momentum_.as<float>() + bucket.momentum_first, whole.data() + bucket.own_first,
                 (bucket.own_last - bucket.own_first) * sizeof(float));
  }
  stream_.synchronize("momentum to go on with");
}

std::vector<float> DeviceReduction::gather_momentum(std::vector<float> reused) {
  if (is_sharded()) gather_momentum_parts();
  std::vector<float> whole = std::move(reused);
  whole.resize(position_.rank == 0 && !buckets_.empty() ? buckets_.back().last : 0);
  if (position_.rank != 0) return whole;
  for (const Bucket& bucket : buckets_) {
    const float* from = is_sharded() ? received_.data() + bucket.received_first
                                     : momentum_.as<float>() + bucket.momentum_first;
    stream_.copy(whole.data() + bucket.first, from, (bucket.last - bucket.first) * sizeof(float));
  }
  stream_.synchronize("momentum to keep");
  return whole;
}

/// In the buffer that the ranks' gradients are received in. Waits, as a copy to the host would too,
/// but for ever.
void DeviceReduction::gather_momentum_parts() {
  for (const Bucket& bucket : buckets_) {
    float* const all = received_.data() + bucket.received_first;
    stream_.copy(all + std::size_t(position_.rank) * bucket.segment,
                 momentum_.as<float>() + bucket.momentum_first, bucket.segment * sizeof(float));
    communicator_->gather(all, bucket.segment, stream_,
                          name("the gather of momentum bucket", bucket));
  }
  const Event gathered("momentum gathered");
  stream_.record(gathered);
  communicator_->wait(gathered, "the momentum on its own GPU");
}

}  // namespace resnext::net::cuda
