#include "data/augment/resize.h"

#include <algorithm>
#include <stdexcept>

namespace resnext::data {
namespace {

using Taps = ResizeScratch::Taps;

/// Where output position `out` of `out_length` reads from an input of `in_length`. In Torch's
/// single precision, and as there the last output is the last input, whatever the rounding.
Taps taps_at(int out, int in_length, int out_length) {
  if (in_length == 1) return {{0, 0, 0, 0}, {0, 1, 0, 0}};
  int at = in_length - 2;
  float t = 1;
  if (in_length == out_length) {
    at = std::min(out, in_length - 2);
    t = static_cast<float>(out - at);
  } else if (out < out_length - 1) {
    const float scale = static_cast<float>(in_length - 1) / static_cast<float>(out_length - 1);
    const float position = static_cast<float>(out) * scale;
    at = std::min(static_cast<int>(position), in_length - 2);
    t = position - static_cast<float>(at);
  }

  Taps taps{{at - 1, at, at + 1, at + 2},
            {0.5f * t * (-1 + t * (2 - t)), 1 + 0.5f * t * t * (3 * t - 5),
             0.5f * t * (1 + t * (4 - 3 * t)), 0.5f * t * t * (t - 1)}};
  auto& [before, left, right, after] = taps.weight;
  if (at == 0) {  // before = 2 * left - right
    left += 2 * before;
    right -= before;
    before = 0;
    taps.index[0] = at;
  }
  if (at + 2 >= in_length) {  // after = 2 * right - left
    right += 2 * after;
    left -= after;
    after = 0;
    taps.index[3] = at + 1;
  }
  return taps;
}

/// row[i] = the vertical interpolation of four input rows.
void blend_rows(const std::array<const std::uint8_t*, 4>& rows, const std::array<float, 4>& weight,
                std::span<float> row) {
  const auto [a, b, c, d] = rows;
  const auto [wa, wb, wc, wd] = weight;
  float* const out = row.data();
  for (std::size_t i = 0; i < row.size(); ++i)
    out[i] = wa * static_cast<float>(a[i]) + wb * static_cast<float>(b[i]) +
             wc * static_cast<float>(c[i]) + wd * static_cast<float>(d[i]);
}

/// The horizontal interpolation of one row; the taps' indices count floats. Channel c of the output
/// begins at output + c * plane.
template <int kChannels>
void resize_row(const float* row, std::span<const Taps> columns, float* output, std::size_t plane) {
  for (const auto& [index, weight] : columns) {
    for (int c = 0; c < kChannels; ++c)
      output[c * plane] = weight[0] * row[index[0] + c] + weight[1] * row[index[1] + c] +
                          weight[2] * row[index[2] + c] + weight[3] * row[index[3] + c];
    ++output;
  }
}

/// Fills scratch.columns, from the left to the right of the output; returns the first input column
/// read. Indices become offsets into the blended row, which starts at that column.
int plan_columns(const ResizePlan& plan, int channels, ResizeScratch& scratch) {
  auto& columns = scratch.columns;
  columns.resize(plan.part.width);
  for (int x = 0; x < plan.part.width; ++x)
    columns[x] = taps_at(plan.part.x + x, plan.source.width, plan.width);
  const int first = columns.front().index[0], last = columns.back().index[3];
  scratch.row.resize(std::size_t(last - first + 1) * channels);
  for (Taps& taps : columns)
    for (int& index : taps.index) index = (index - first) * channels;
  if (plan.mirror) std::reverse(columns.begin(), columns.end());
  return first;
}

}  // namespace

Window pixels_read(const ResizePlan& plan) {
  const auto& [source, height, width, part, mirror] = plan;
  const int top = taps_at(part.y, source.height, height).index.front();
  const int bottom = taps_at(part.y + part.height - 1, source.height, height).index.back();
  const int left = taps_at(part.x, source.width, width).index.front();
  const int right = taps_at(part.x + part.width - 1, source.width, width).index.back();
  return {source.y + top, source.x + left, bottom - top + 1, right - left + 1};
}

void check_plan(const Image& image, const ResizePlan& plan) {
  if (!fits(plan.source, {image.height, image.width}))
    throw std::invalid_argument("resizing: the source window leaves the image");
  if (!fits(plan.part, {plan.height, plan.width}))
    throw std::invalid_argument("resizing: the part to write leaves the resized image");
  if (image.channels != 1 && image.channels != 3)
    throw std::invalid_argument("resizing: images have 1 or 3 channels");
}

// Vertically first: that pass runs over contiguous bytes, and no input row is resized that the
// output does not need.
void resize_bicubic(const Image& image, const ResizePlan& plan, ResizeScratch& scratch,
                    std::span<float> output) {
  check_plan(image, plan);
  const std::size_t plane = std::size_t(plan.part.height) * plan.part.width;
  if (output.size() != plane * image.channels)
    throw std::invalid_argument("resizing: the output is not as large as the part to write");
  const int first_column = plan_columns(plan, image.channels, scratch);
  const std::size_t stride = std::size_t(image.width) * image.channels;
  const std::uint8_t* const origin = image.pixels.data() + plan.source.y * stride +
                                     std::size_t(plan.source.x + first_column) * image.channels;
  float* out = output.data();
  for (int y = 0; y < plan.part.height; ++y) {
    const auto [index, weight] = taps_at(plan.part.y + y, plan.source.height, plan.height);
    blend_rows({origin + index[0] * stride, origin + index[1] * stride, origin + index[2] * stride,
                origin + index[3] * stride},
               weight, scratch.row);
    if (image.channels == 3)
      resize_row<3>(scratch.row.data(), scratch.columns, out, plane);
    else
      resize_row<1>(scratch.row.data(), scratch.columns, out, plane);
    out += plan.part.width;
  }
}

}  // namespace resnext::data
