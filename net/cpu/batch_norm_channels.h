#pragma once
// Batch-norm's per-channel arithmetic (paper recipe; Ioffe & Szegedy, algorithm 1): moments to
// scale and shift, reductions to gradients. The passes over pixels are in vector_kernels.h.

#include <span>
#include <vector>

#include "net/cpu/channel_layout.h"
#include "net/cpu/layer.h"

namespace resnext::net::cpu {

/// Constants of one batch-norm layer for the current batch. Vectors are by padded channel; what
/// belongs to padding is zero, and so is every output of it.
class BatchNormChannels {
 public:
  BatchNormChannels(const Graph& graph, int node, const ChannelLayout& layout);

  /// Where moments() of image `n` and block `b` goes: sums, then squares.
  float* partial_sum(int n, int b) { return &sums_[index(n, b)]; }
  float* partial_square(int n, int b) { return &squares_[index(n, b)]; }
  /// The value the moments of block `b` are taken about: the block's first pixel, so that a large
  /// mean costs no precision.
  void set_pivot(int b, const float* first_pixel);
  const float* pivot(int b) const { return &pivot_[channel(b)]; }

  /// Combines the images' partial sums of block `b` (in order, in double) into mean, deviation,
  /// scale and shift, and moves the running statistics where `run` holds any.
  void finish_moments(int b, Run& run);
  /// The same from the running statistics, for inference; all blocks.
  void use_running_statistics(const Run& run);

  const float* mean(int b) const { return &mean_[channel(b)]; }
  const float* scale(int b) const { return &scale_[channel(b)]; }
  const float* shift(int b) const { return &shift_[channel(b)]; }

  /// Backward: from partial sums (of gradients) and partial squares (of gradient times centred
  /// input) of block `b` to the gradients of gamma and beta and the constants of
  /// dx = a * g + b * x + c.
  void finish_gradient(int b, Run& run, std::span<const float> gradient_sums);
  const float* slope_g(int b) const { return &slope_g_[channel(b)]; }
  const float* slope_x(int b) const { return &slope_x_[channel(b)]; }
  const float* offset(int b) const { return &offset_[channel(b)]; }

  int node() const { return node_; }
  std::size_t index(int n, int b) const {
    return std::size_t(n) * layout_.padded_channels() + channel(b);
  }

 private:
  int channel(int b) const { return b * layout_.block; }
  int channels_in(int b) const;

  int node_;
  ChannelLayout layout_;
  const Parameter& gamma_;
  const Parameter& beta_;
  const Statistic& running_mean_;
  const Statistic& running_variance_;
  std::vector<float> sums_, squares_;  ///< image by padded channel
  std::vector<float> pivot_, mean_, inverse_deviation_, scale_, shift_;
  std::vector<float> slope_g_, slope_x_, offset_;
};

}  // namespace resnext::net::cpu
