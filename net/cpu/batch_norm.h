#pragma once
// Batch-norm's per-channel arithmetic (paper recipe; Ioffe & Szegedy, algorithm 1): sums over
// pixels to scale and shift, and to gradients. The passes over pixels are the kernels'.

#include <vector>

#include "net/cpu/layer.h"
#include "net/cpu/thread_sums.h"

namespace resnext::net::cpu {

/// One batch-norm for the current batch. Arrays are by channel, with kVectorSlack behind.
class BatchNorm {
 public:
  BatchNorm(const Graph& graph, int node, int threads);

  /// Before the moments are taken.
  void begin_moments() { moments_.clear(); }
  /// Where thread `thread` puts its sums of (x - pivot) and (x - pivot)^2, the pivot being a value
  /// of its own, so that a large mean costs no precision.
  ChannelSums moments(int thread) { return moments_.of(thread); }
  float* pivot(int thread) { return &pivots_[std::size_t(thread) * stride_]; }
  /// Says over how many pixels thread `thread` takes them.
  void set_pixels(int thread, std::size_t pixels) { pixels_[thread] = pixels; }

  /// Mean, deviation, scale and shift; moves the running statistics where `run` holds any.
  void finish_moments(Run& run);
  /// The same from the running statistics, for inference.
  void use_running_statistics(const Run& run);

  const float* mean() const { return mean_.data(); }
  const float* scale() const { return scale_.data(); }
  const float* shift() const { return shift_.data(); }

  /// Backward: from the sums of gradients and (as kind `product`) of gradient times centred input
  /// to the gradients of gamma and beta, and to dx = slope_g * g + slope_x * x + offset.
  void finish_gradient(const ThreadSums& sums, int product, Run& run);
  const float* slope_g() const { return slope_g_.data(); }
  const float* slope_x() const { return slope_x_.data(); }
  const float* offset() const { return offset_.data(); }

  int node() const { return node_; }

 private:
  void set_moments(int channel, double mean, double variance, double pixels, Run& run);

  int node_, channels_, threads_;
  std::size_t stride_;
  const Parameter& gamma_;
  const Parameter& beta_;
  const Statistic& running_mean_;
  const Statistic& running_variance_;
  ThreadSums moments_;
  std::vector<std::size_t> pixels_;  ///< by thread
  AlignedVector<float> pivots_, mean_, inverse_deviation_, scale_, shift_;
  AlignedVector<float> slope_g_, slope_x_, offset_;
};

}  // namespace resnext::net::cpu
