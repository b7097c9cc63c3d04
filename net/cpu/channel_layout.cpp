#include "net/cpu/channel_layout.h"

#include <optional>
#include <stdexcept>

namespace resnext::net::cpu {
namespace {

using Tag = dnnl::memory::format_tag;

std::optional<int> channel_block(const dnnl::memory::desc& descriptor) {
  const dnnl::memory::dims dims = dimensions(descriptor);
  if (descriptor == activation_descriptor(dims, Tag::nChw16c)) return 16;
  if (descriptor == activation_descriptor(dims, Tag::nChw8c)) return 8;
  if (descriptor == activation_descriptor(dims, Tag::nhwc)) return static_cast<int>(dims[1]);
  if (descriptor == activation_descriptor(dims, Tag::nchw)) return 1;
  return std::nullopt;
}

}  // namespace

dnnl::memory::dims dimensions(const dnnl::memory::desc& descriptor) {
#if DNNL_VERSION_MAJOR >= 3
  return descriptor.get_dims();
#else
  return descriptor.dims();
#endif
}

dnnl::memory::desc activation_descriptor(const dnnl::memory::dims& dims, Tag tag) {
  return {dims, dnnl::memory::data_type::f32, tag};
}

bool has_channel_layout(const dnnl::memory::desc& descriptor) {
  return channel_block(descriptor).has_value();
}

ChannelLayout channel_layout(const dnnl::memory::desc& descriptor) {
  const std::optional<int> block = channel_block(descriptor);
  if (!block) throw std::logic_error("an activation has a layout that the CPU kernels do not know");
  const dnnl::memory::dims dims = dimensions(descriptor);
  ChannelLayout layout;
  layout.images = static_cast<int>(dims[0]);
  layout.channels = static_cast<int>(dims[1]);
  layout.block = *block;
  layout.blocks = (layout.channels + layout.block - 1) / layout.block;
  layout.pixels = static_cast<std::size_t>(dims[2] * dims[3]);
  return layout;
}

}  // namespace resnext::net::cpu
