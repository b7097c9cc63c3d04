#include "data/augment/resize.h"

#include <algorithm>
#include <stdexcept>

namespace resnext::data {
namespace {

/// Where output position `out` of `out_length` reads from an input of `in_length`: four positions,
/// of which those beyond the input's ends have no weight. In Torch's single precision, and as there
/// the last output is the last input, whatever the rounding.
ColumnTaps taps_at(int out, int in_length, int out_length) {
  if (in_length == 1) return {-1, {0, 1, 0, 0}};
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

  ColumnTaps taps{at - 1,
                  {0.5f * t * (-1 + t * (2 - t)), 1 + 0.5f * t * t * (3 * t - 5),
                   0.5f * t * (1 + t * (4 - 3 * t)), 0.5f * t * t * (t - 1)}};
  auto& [before, left, right, after] = taps.weight;
  if (at == 0) {  // before = 2 * left - right
    left += 2 * before;
    right -= before;
    before = 0;
  }
  if (at + 2 >= in_length) {  // after = 2 * right - left
    right += 2 * after;
    left -= after;
    after = 0;
  }
  return taps;
}

/// Input positions [first, last].
struct Span {
  int first = 0, last = 0;
};

/// What outputs [begin, end) read.
Span read_by(int begin, int end, int in_length, int out_length) {
  const int first = taps_at(begin, in_length, out_length).first;
  const int last = taps_at(end - 1, in_length, out_length).first + 3;
  return {std::max(first, 0), std::min(last, in_length - 1)};
}

/// Pixels without weight around a blended row: a tap may lie one before the input's first position,
/// and two behind the last of an input that has but one.
constexpr int kBefore = 1, kBehind = 2;

/// Fills scratch.columns, from the left to the right of the output, and clears the row, which
/// begins kBefore pixels before the first input column read.
void plan_columns(const ResizePlan& plan, int channels, const Span& input, ResizeScratch& scratch) {
  auto& columns = scratch.columns;
  columns.resize(plan.part.width);
  for (int x = 0; x < plan.part.width; ++x) {
    columns[x] = taps_at(plan.part.x + x, plan.source.width, plan.width);
    columns[x].first += kBefore - input.first;
  }
  if (plan.mirror) std::reverse(columns.begin(), columns.end());
  const int pixels = kBefore + input.last - input.first + 1 + kBehind;
  scratch.row.assign(std::size_t(pixels) * channels + kRowSlack, 0.0F);
}

}  // namespace

Window pixels_read(const ResizePlan& plan) {
  const auto& [source, height, width, part, mirror] = plan;
  const Span rows = read_by(part.y, part.y + part.height, source.height, height);
  const Span columns = read_by(part.x, part.x + part.width, source.width, width);
  return {source.y + rows.first, source.x + columns.first, rows.last - rows.first + 1,
          columns.last - columns.first + 1};
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
void resize_bicubic(const Image& image, const ResizePlan& plan, const ChannelMap& map,
                    const PixelKernels& kernels, ResizeScratch& scratch, std::span<float> output) {
  check_plan(image, plan);
  const std::size_t plane = std::size_t(plan.part.height) * plan.part.width;
  const auto channels = static_cast<std::size_t>(image.channels);
  if (output.size() != plane * channels)
    throw std::invalid_argument("resizing: the output is not as large as the part to write");
  const Window read = pixels_read(plan);
  const int first_column = read.x - plan.source.x;
  plan_columns(plan, image.channels, {first_column, first_column + read.width - 1}, scratch);
  const std::size_t stride = image.width * channels;
  const std::uint8_t* const origin =
      image.pixels.data() + plan.source.y * stride + read.x * channels;
  const auto row_at = [&](int y) {
    return origin + std::size_t(std::clamp(y, 0, plan.source.height - 1)) * stride;
  };
  float* out = output.data();
  for (int y = 0; y < plan.part.height; ++y, out += plan.part.width) {
    const auto [first, weight] = taps_at(plan.part.y + y, plan.source.height, plan.height);
    kernels.blend_rows({row_at(first), row_at(first + 1), row_at(first + 2), row_at(first + 3)},
                       weight, read.width * channels, scratch.row.data() + kBefore * channels);
    if (channels == 3)
      kernels.blend_columns_rgb(scratch.row.data(), scratch.columns.data(), scratch.columns.size(),
                                map, out, plane);
    else
      kernels.blend_columns_grey(scratch.row.data(), scratch.columns.data(), scratch.columns.size(),
                                 map, out);
  }
}

}  // namespace resnext::data
