#pragma once
// Sums by channel that several threads take, each its own.

#include <cstddef>

#include "net/cpu/aligned_vector.h"
#include "net/cpu/kernels/correlation.h"

namespace resnext::net::cpu {

/// Kernels read and write whole vectors: arrays by channel have so many values more.
inline constexpr int kVectorSlack = 16;

class ThreadSums {
 public:
  ThreadSums() = default;
  /// `kinds` (at most 3) sums for each channel.
  ThreadSums(int threads, int channels, int kinds);

  void clear();
  /// Where a thread adds.
  ChannelSums of(int thread);
  double total(int thread, int kind, int channel) const {
    return totals_[index(thread, kind) + std::size_t(channel)];
  }
  /// Over all threads, in their order.
  double total(int kind, int channel) const;

 private:
  std::size_t index(int thread, int kind) const {
    return (std::size_t(thread) * kinds_ + kind) * stride_;
  }

  int threads_ = 0, kinds_ = 0;
  std::size_t stride_ = 0;
  AlignedVector<float> units_;
  AlignedVector<double> totals_;
};

}  // namespace resnext::net::cpu
