#pragma once
// Reading and checksumming samples with many threads, handed out in order.

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "data/pack/shard_writer.h"

namespace resnext::data {

/// Consecutive samples, their bytes one after the other.
struct SampleBatch {
  std::vector<std::uint8_t> bytes;
  std::vector<std::int32_t> labels;
  std::vector<std::uint32_t> checksums;  ///< sample_checksum() of each
};

/// Positions [first, end) of the order.
struct SampleRange {
  std::size_t first = 0, end = 0;
};

/// Gives the samples order[i] for i in the ranges, one range after the other, in batches of about
/// 1 MiB that do not cross a range's end. Memory: two batches a thread, each of 1 MiB and its last
/// sample.
class SampleBatches {
 public:
  /// `source` and `order` must outlive this; `jobs` threads call source.read().
  SampleBatches(PackSource& source, std::span<const std::uint32_t> order,
                std::vector<SampleRange> ranges, unsigned jobs);
  SampleBatches(const SampleBatches&) = delete;
  SampleBatches& operator=(const SampleBatches&) = delete;
  ~SampleBatches();

  /// The next batch, which stays valid until the next call. Throws what source.read() threw for the
  /// first sample that failed. May not be called after the last batch.
  const SampleBatch& next();

 private:
  struct Slot {
    SampleBatch batch;
    std::exception_ptr error;
    bool ready = false;
  };

  void read_batches();
  SampleRange cut_range();
  void read(SampleRange range, SampleBatch& batch, StoredSample& sample) const;
  bool has_free_slot() const { return taken_ < given_ + slots_.size(); }

  PackSource& source_;
  const std::span<const std::uint32_t> order_;
  std::vector<SampleRange> ranges_;

  std::mutex mutex_;  ///< guards all below; a slot's batch belongs to its reader until it is ready
  std::condition_variable slot_free_, batch_ready_;
  std::size_t range_ = 0;                ///< the range that the next batch is cut from
  std::uint64_t taken_ = 0, given_ = 0;  ///< batches begun by readers; batches done with
  bool holding_ = false;                 ///< batch number given_ is with the caller
  bool stop_ = false;
  std::vector<Slot> slots_;
  std::vector<std::jthread> readers_;
};

}  // namespace resnext::data
