#include "net/cpu/channel_layout.h"

#include <numeric>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

namespace resnext::net::cpu {
namespace {

using Tag = dnnl::memory::format_tag;

/// oneDNN's own reorder from nchw, as the judge of where each value lies.
std::vector<float> reordered(const std::vector<float>& nchw, const dnnl::memory::dims& dims,
                             const dnnl::memory::desc& to) {
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  const dnnl::memory::desc from = activation_descriptor(dims, Tag::nchw);
  std::vector<float> source = nchw, target(to.get_size() / sizeof(float), -1.0F);
  dnnl::memory source_memory(from, engine, source.data());
  dnnl::memory target_memory(to, engine, target.data());
  dnnl::reorder(source_memory, target_memory).execute(stream, source_memory, target_memory);
  stream.wait();
  return target;
}

void expect_describes(const dnnl::memory::dims& dims, Tag tag, int block) {
  const dnnl::memory::desc descriptor = activation_descriptor(dims, tag);
  const ChannelLayout layout = channel_layout(descriptor);
  EXPECT_EQ(layout.block, block);
  EXPECT_EQ(layout.values() * sizeof(float), descriptor.get_size());
  const int images = static_cast<int>(dims[0]), channels = static_cast<int>(dims[1]);
  const auto pixels = std::size_t(dims[2] * dims[3]);
  std::vector<float> nchw(images * channels * pixels);
  std::iota(nchw.begin(), nchw.end(), 1.0F);
  const std::vector<float> stored = reordered(nchw, dims, descriptor);
  for (int n = 0; n < images; ++n) {
    for (int c = 0; c < layout.padded_channels(); ++c) {
      for (std::size_t p = 0; p < pixels; ++p) {
        const std::size_t at =
            layout.offset(n, c / layout.block) + p * layout.block + c % layout.block;
        const float expected =
            c < channels ? nchw[(std::size_t(n) * channels + c) * pixels + p] : 0;
        ASSERT_EQ(stored[at], expected) << "image " << n << " channel " << c << " pixel " << p;
      }
    }
  }
}

TEST(ChannelLayout, FindsEveryValueWhereOneDnnPutsIt) {
  for (const int channels : {1, 3, 8, 16, 20, 33}) {
    const dnnl::memory::dims dims{2, channels, 3, 5};
    expect_describes(dims, Tag::nchw, 1);
    expect_describes(dims, Tag::nChw8c, 8);
    expect_describes(dims, Tag::nChw16c, 16);
    expect_describes(dims, Tag::nhwc, channels);
  }
}

TEST(ChannelLayout, OfOnePixel) {
  expect_describes({2, 20, 1, 1}, Tag::nChw16c, 16);
  expect_describes({2, 20, 1, 1}, Tag::nchw, 20);  // the same as nhwc: each pixel is one block
}

TEST(ChannelLayout, RefusesWhatItDoesNotKnow) {
  const dnnl::memory::desc other = activation_descriptor({2, 16, 3, 5}, Tag::chwn);
  EXPECT_FALSE(has_channel_layout(other));
  EXPECT_THROW(channel_layout(other), std::logic_error);
}

}  // namespace
}  // namespace resnext::net::cpu
