#include "data/pack/sample_batches.h"

#include <utility>

#include "data/shard_header.h"

namespace resnext::data {

namespace {

/// Large enough that locking and HDF5's work per call do not count, small enough to keep many.
constexpr std::uint64_t kBatchBytes = std::uint64_t(1) << 20;
constexpr std::size_t kBatchSamples = 256;

}  // namespace

SampleBatches::SampleBatches(PackSource& source, std::span<const std::uint32_t> order,
                             std::vector<SampleRange> ranges, unsigned jobs)
    : source_(source), order_(order), ranges_(std::move(ranges)), slots_(2 * std::size_t(jobs)) {
  for (unsigned i = 0; i < jobs; ++i) readers_.emplace_back([this] { read_batches(); });
}

SampleBatches::~SampleBatches() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  slot_free_.notify_all();
}

const SampleBatch& SampleBatches::next() {
  std::unique_lock lock(mutex_);
  if (std::exchange(holding_, true)) {
    slots_[given_++ % slots_.size()].ready = false;
    slot_free_.notify_all();
  }
  Slot& slot = slots_[given_ % slots_.size()];
  batch_ready_.wait(lock, [&] { return slot.ready; });
  if (slot.error) std::rethrow_exception(slot.error);
  return slot.batch;
}

void SampleBatches::read_batches() {
  StoredSample sample;
  for (;;) {
    std::unique_lock lock(mutex_);
    slot_free_.wait(lock, [&] { return stop_ || range_ == ranges_.size() || has_free_slot(); });
    if (stop_ || range_ == ranges_.size()) break;
    Slot& slot = slots_[taken_++ % slots_.size()];
    const SampleRange range = cut_range();
    lock.unlock();
    try {
      read(range, slot.batch, sample);
    } catch (...) {
      slot.error = std::current_exception();
    }
    lock.lock();
    slot.ready = true;
    batch_ready_.notify_all();
  }
  slot_free_.notify_all();
}

SampleRange SampleBatches::cut_range() {
  SampleRange& left = ranges_[range_];
  SampleRange cut{left.first, left.first};
  for (std::uint64_t bytes = 0;
       cut.end < left.end && bytes < kBatchBytes && cut.end - cut.first < kBatchSamples; ++cut.end)
    bytes += source_.sample_bytes(order_[cut.end]);
  left.first = cut.end;
  if (left.first == left.end) ++range_;
  return cut;
}

void SampleBatches::read(SampleRange range, SampleBatch& batch, StoredSample& sample) const {
  batch.bytes.clear();
  batch.labels.clear();
  batch.checksums.clear();
  for (std::size_t i = range.first; i < range.end; ++i) {
    source_.read(order_[i], sample);
    batch.bytes.insert(batch.bytes.end(), sample.bytes.begin(), sample.bytes.end());
    batch.labels.push_back(sample.label);
    batch.checksums.push_back(sample_checksum(sample.bytes, sample.label));
  }
}

}  // namespace resnext::data
