// See elementwise.h; see vector.h for how this is compiled.
#pragma once

#include "net/cpu/kernels/elementwise.h"
#include "net/cpu/kernels/output_source.h"
#include "net/cpu/kernels/slab_source.h"

namespace resnext::net::cpu::RESNEXT_KERNEL_NAMESPACE {
namespace {

/// Pixels whose sums are taken in fp32 before they are added up in double.
constexpr int kSumRun = 128;

template <typename Stored, Reading First, Reading Second, bool Two>
void join_pixels(const Join& join, const PixelRange& range) {
  for (int p = range.first; p < range.end; ++p) {
    const std::size_t at = std::size_t(p) * std::size_t(join.channels);
    Stored* out = static_cast<Stored*>(join.out) + at;
    for (int v = 0; v * kLanes < join.channels; ++v) {
      const Columns columns = columns_of(v, join.channels);
      const int c = columns.start;
      Vector x = read_vector<Stored, First>(join.first, at, c);
      if constexpr (Two) x += read_vector<Stored, Second>(join.second, at, c);
      if (join.relu) x = positive_part(x);
      put(out + c, x, columns);
    }
  }
}

template <typename Stored, Reading First>
void join_first(const Join& join, const PixelRange& range) {
  if (join.second.values == nullptr) {
    return join_pixels<Stored, First, Reading::kPlain, false>(join, range);
  }
  switch (reading_of(join.second)) {
    case Reading::kPlain:
      return join_pixels<Stored, First, Reading::kPlain, true>(join, range);
    case Reading::kAffine:
      return join_pixels<Stored, First, Reading::kAffine, true>(join, range);
    default:
      return join_pixels<Stored, First, Reading::kAffineRelu, true>(join, range);
  }
}

template <typename Stored>
void join_stored(const Join& join, const PixelRange& range) {
  switch (reading_of(join.first)) {
    case Reading::kPlain:
      return join_first<Stored, Reading::kPlain>(join, range);
    case Reading::kAffine:
      return join_first<Stored, Reading::kAffine>(join, range);
    case Reading::kAffineRelu:
      return join_first<Stored, Reading::kAffineRelu>(join, range);
    case Reading::kGradient:
      return join_first<Stored, Reading::kGradient>(join, range);
  }
}

void join(const Join& join, const PixelRange& range) {
  if (join.first.precision == Precision::kBf16) return join_stored<Bfloat16>(join, range);
  join_stored<float>(join, range);
}

template <typename Stored>
void moments_stored(const void* values, int channels, const PixelRange& range, float* pivot,
                    const ChannelSums& sums) {
  if (range.first == range.end) return;
  const Stored* first =
      static_cast<const Stored*>(values) + std::size_t(range.first) * std::size_t(channels);
  for (int c = 0; c < channels; c += kLanes) store(pivot + c, load(first + c));
  for (int p = range.first; p < range.end; ++p) {
    const Stored* x = static_cast<const Stored*>(values) + std::size_t(p) * std::size_t(channels);
    for (int v = 0; v * kLanes < channels; ++v) {
      const Columns columns = columns_of(v, channels);
      const int c = columns.start;
      Vector d = load(x + c) - load(pivot + c);
      if (!columns.whole) d = columns.fresh > 0.0F ? d : Vector{};
      store(sums.unit[0] + c, load(sums.unit[0] + c) + d);
      store(sums.unit[1] + c, load(sums.unit[1] + c) + d * d);
    }
    if ((p - range.first) % kSumRun == kSumRun - 1) flush_sums(sums, channels);
  }
  flush_sums(sums, channels);
}

void moments(const void* values, Precision precision, int channels, const PixelRange& range,
             float* pivot, const ChannelSums& sums) {
  if (precision == Precision::kBf16) {
    return moments_stored<Bfloat16>(values, channels, range, pivot, sums);
  }
  moments_stored<float>(values, channels, range, pivot, sums);
}

template <typename Stored, int Branches>
void reduce_stored(const CorrelationOutput& out, const void* gradient, int channels,
                   const PixelRange& range) {
  const GradientOutput<Stored, Branches> reduction{out, std::size_t(channels)};
  for (int p = range.first; p < range.end; ++p) {
    const std::int32_t pixel = p;
    const Stored* g = static_cast<const Stored*>(gradient) + std::size_t(p) * std::size_t(channels);
    for (int v = 0; v * kLanes < channels; ++v) {
      const Columns columns = columns_of(v, channels);
      const Vector values = load(g + columns.start);
      reduction.template columns<1>([&](int) { return values; }, TilePlace{&pixel, 0, false},
                                    columns);
    }
    if ((p - range.first) % kSumRun == kSumRun - 1) flush_sums(out.sums, channels);
  }
  flush_sums(out.sums, channels);
}

/// What a correlation's output of kind kGradient does, to a gradient that is in memory.
void reduce_gradient(const CorrelationOutput& out, const void* gradient, int channels,
                     const PixelRange& range) {
  const bool two = out.inputs[1] != nullptr, one = out.inputs[0] != nullptr;
  if (out.precision == Precision::kBf16) {
    if (two) return reduce_stored<Bfloat16, 2>(out, gradient, channels, range);
    if (one) return reduce_stored<Bfloat16, 1>(out, gradient, channels, range);
    return reduce_stored<Bfloat16, 0>(out, gradient, channels, range);
  }
  if (two) return reduce_stored<float, 2>(out, gradient, channels, range);
  if (one) return reduce_stored<float, 1>(out, gradient, channels, range);
  reduce_stored<float, 0>(out, gradient, channels, range);
}

}  // namespace
}  // namespace resnext::net::cpu::RESNEXT_KERNEL_NAMESPACE
