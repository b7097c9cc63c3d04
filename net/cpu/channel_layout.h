#pragma once
// How the channels of an activation lie in memory, for kernels that work channel by channel.

#include <cstddef>

#include <dnnl.hpp>

namespace resnext::net::cpu {

/// An activation (N, C, H, W) stored as [image][channel block][pixel][channel in block]. This one
/// form covers nchw (block 1), nChw8c, nChw16c, and nhwc (one block of C channels). Channels are
/// padded to whole blocks; oneDNN needs the padding to stay zero.
struct ChannelLayout {
  int images = 0;
  int channels = 0;        ///< without padding
  int blocks = 0;          ///< channel blocks of an image
  int block = 0;           ///< channels in a block
  std::size_t pixels = 0;  ///< H * W

  int padded_channels() const { return blocks * block; }
  std::size_t block_values() const { return pixels * block; }
  /// First value of channel block `b` of image `n`.
  std::size_t offset(int n, int b) const { return (std::size_t(n) * blocks + b) * block_values(); }
  std::size_t values() const { return std::size_t(images) * blocks * block_values(); }
};

/// Recognises the layout of a four-dimensional fp32 descriptor. Throws std::logic_error for one
/// that is not of the form above.
ChannelLayout channel_layout(const dnnl::memory::desc& descriptor);

/// Whether channel_layout() would succeed.
bool has_channel_layout(const dnnl::memory::desc& descriptor);

/// Dimensions of a descriptor (the accessor differs between oneDNN 2 and 3).
dnnl::memory::dims dimensions(const dnnl::memory::desc& descriptor);

/// A four-dimensional fp32 descriptor.
dnnl::memory::desc activation_descriptor(const dnnl::memory::dims& dims,
                                         dnnl::memory::format_tag tag);

}  // namespace resnext::net::cpu
