#include "data/augment/resize.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <stdexcept>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/data/python.h"

namespace resnext::data {
namespace {

Image noise_image(int height, int width, int channels) {
  std::mt19937 generator(height * 1000 + width);
  Image image;
  image.resize(height, width, channels);
  for (auto& pixel : image.pixels) pixel = static_cast<std::uint8_t>(generator() % 256);
  return image;
}

std::vector<float> resized(const Image& image, const ResizePlan& plan) {
  std::vector<float> output(std::size_t(plan.part.height) * plan.part.width * image.channels);
  ResizeScratch scratch;
  resize_bicubic(image, plan, {}, pixel_kernels(), scratch, output);
  return output;
}

/// All of `source`, resized.
ResizePlan whole(const Window& source, int height, int width) {
  return {source, height, width, {0, 0, height, width}, false};
}

// Written from the formulas, one output at a time in float64, and cropped only afterwards.
const char* const kReference = R"(
import sys
import numpy as np

def sample(line, position):
    left = min(int(position), len(line) - 2)
    t = position - left
    at = lambda i: line[i] if 0 <= i < len(line) else (
        2 * line[0] - line[1] if i < 0 else 2 * line[-1] - line[-2])
    p0, p1, p2, p3 = (at(left + k) for k in (-1, 0, 1, 2))
    m1, m2 = (p2 - p0) / 2, (p3 - p1) / 2  # Catmull-Rom: Hermite with central differences
    return ((2*t**3 - 3*t**2 + 1) * p1 + (t**3 - 2*t**2 + t) * m1 +
            (-2*t**3 + 3*t**2) * p2 + (t**3 - t**2) * m2)

def resize(lines, length):
    if len(lines) in (1, length):
        return np.resize(lines, (length,) + lines.shape[1:])
    step = np.float32(len(lines) - 1) / np.float32(max(length - 1, 1))  # in floats, as Torch
    positions = np.arange(length, dtype=np.float32) * step
    positions[-1] = len(lines) - 1
    return np.stack([sample(lines, float(position)) for position in positions])

folder = sys.argv[1]
h, w, c, y, x, sh, sw, oh, ow, py, px, ph, pw, mirror = map(int, sys.argv[2:])
image = np.fromfile(folder + '/resize_in.raw', np.uint8).reshape(h, w, c).astype(np.float64)
image = image[y:y + sh, x:x + sw]
image = resize(image.transpose(1, 0, 2), ow).transpose(1, 0, 2)
image = resize(image, oh)[py:py + ph, px:px + pw]
if mirror:
    image = image[:, ::-1]
image.transpose(2, 0, 1).astype(np.float64).tofile(folder + '/resize_out.raw')
)";

std::vector<double> reference(const Image& image, const ResizePlan& p) {
  const std::string folder = testing::TempDir();
  std::ofstream(folder + "/resize_in.raw", std::ios::binary)
      .write(reinterpret_cast<const char*>(image.pixels.data()),
             static_cast<std::streamsize>(image.pixels.size()));
  run_python(
      kReference,
      fmt::format("{} {} {} {} {} {} {} {} {} {} {} {} {} {} {}", folder, image.height, image.width,
                  image.channels, p.source.y, p.source.x, p.source.height, p.source.width, p.height,
                  p.width, p.part.y, p.part.x, p.part.height, p.part.width, int(p.mirror)));
  std::ifstream file(folder + "/resize_out.raw", std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  std::vector<double> values(bytes.size() / sizeof(double));
  std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(values.data()));
  return values;
}

TEST(Resize, AgreesWithNumPy) {
  const struct {
    int height, width, channels;
    ResizePlan plan;
  } cases[] = {
      {40, 50, 3, whole({0, 0, 40, 50}, 64, 80)},
      {90, 70, 3, whole({0, 0, 90, 70}, 32, 32)},
      {31, 17, 1, whole({3, 2, 20, 11}, 45, 9)},
      {60, 80, 3, {{5, 7, 50, 60}, 48, 40, {4, 3, 32, 32}, true}},
      {2, 3, 3, whole({0, 0, 2, 3}, 7, 8)},
      {1, 9, 1, whole({0, 0, 1, 9}, 5, 5)},
      {12, 12, 3, whole({4, 4, 1, 1}, 6, 6)},
      {300, 400, 3, {{0, 0, 300, 400}, 256, 341, {16, 59, 224, 224}, false}},
  };
  for (const auto& [height, width, channels, plan] : cases) {
    const Image image = noise_image(height, width, channels);
    const std::vector<float> output = resized(image, plan);
    const std::vector<double> expected = reference(image, plan);
    ASSERT_EQ(output.size(), expected.size());
    double worst = 0;
    for (std::size_t i = 0; i < expected.size(); ++i)
      worst = std::max(worst, std::abs(output[i] - expected[i]));
    EXPECT_LT(worst, 5e-4) << height << "x" << width;  // of 255: single precision alone
  }
}

// Catmull-Rom with linear continuation reproduces linear functions, up to the very edges.
TEST(Resize, KeepsRamps) {
  Image ramp;
  ramp.resize(21, 11, 1);
  for (int y = 0; y < 21; ++y)
    for (int x = 0; x < 11; ++x) ramp.pixels[y * 11 + x] = static_cast<std::uint8_t>(4 * y + 8 * x);
  const std::vector<float> output = resized(ramp, whole({0, 0, 21, 11}, 81, 81));
  for (int y = 0; y < 81; ++y)
    for (int x = 0; x < 81; ++x) ASSERT_NEAR(output[y * 81 + x], y + x, 1e-3);
}

TEST(Resize, ToTheSameSizeCopies) {
  const Image image = noise_image(19, 23, 3);
  const std::vector<float> output = resized(image, whole({0, 0, 19, 23}, 19, 23));
  for (int i = 0; i < 19 * 23; ++i)
    for (int c = 0; c < 3; ++c) ASSERT_EQ(output[c * 19 * 23 + i], image.pixels[i * 3 + c]);
}

// Torch's FloatTensors are neither rounded nor clamped: edges overshoot.
TEST(Resize, DoesNotClamp) {
  Image edge;
  edge.resize(1, 8, 1);
  std::fill(edge.pixels.begin() + 4, edge.pixels.end(), std::uint8_t(255));
  const std::vector<float> output = resized(edge, whole({0, 0, 1, 8}, 1, 29));
  EXPECT_LT(*std::min_element(output.begin(), output.end()), -10.0F);
  EXPECT_GT(*std::max_element(output.begin(), output.end()), 265.0F);
}

TEST(Resize, MirrorsExactly) {
  const Image image = noise_image(33, 47, 3);
  ResizePlan plan{{2, 3, 30, 40}, 28, 29, {1, 2, 20, 25}, false};
  const std::vector<float> plain = resized(image, plan);
  plan.mirror = true;
  const std::vector<float> mirrored = resized(image, plan);
  for (int row = 0; row < 3 * 20; ++row)
    for (int x = 0; x < 25; ++x) ASSERT_EQ(mirrored[row * 25 + x], plain[row * 25 + 24 - x]);
}

TEST(Resize, LooksAtTheSourceWindowOnly) {
  const Image image = noise_image(30, 30, 3);
  Image other = image;
  for (int y = 0; y < 30; ++y)
    for (int x = 0; x < 30; ++x)
      if (y < 5 || y >= 20 || x < 6 || x >= 24)
        for (int c = 0; c < 3; ++c) other.pixels[(y * 30 + x) * 3 + c] ^= 0xff;
  const ResizePlan plan = whole({5, 6, 15, 18}, 22, 22);
  EXPECT_EQ(resized(image, plan), resized(other, plan));
}

/// Whether the resized image changes with the pixels in `window` alone.
bool depends_on(const Image& image, const ResizePlan& plan, const Window& window) {
  Image other = image;
  for (int y = window.y; y < window.y + window.height; ++y)
    for (int x = window.x; x < window.x + window.width; ++x)
      for (int c = 0; c < image.channels; ++c)
        other.pixels[(std::size_t(y) * image.width + x) * image.channels + c] ^= 0xff;
  return resized(image, plan) != resized(other, plan);
}

// What pixels_read() leaves out has no effect, and no row or column at its border is idle.
TEST(Resize, PixelsReadAreAllThatCounts) {
  const Image image = noise_image(60, 80, 3);
  const ResizePlan plans[] = {whole({5, 6, 30, 40}, 22, 22),
                              whole({5, 6, 30, 40}, 70, 90),
                              whole({50, 70, 10, 10}, 64, 64),
                              whole({10, 10, 1, 1}, 8, 8),
                              whole({10, 10, 1, 30}, 8, 8),
                              {{0, 0, 60, 80}, 30, 40, {3, 8, 24, 24}, true},
                              {{0, 0, 60, 80}, 120, 160, {0, 8, 24, 24}, false},
                              {{0, 0, 60, 80}, 120, 160, {96, 136, 24, 24}, false}};
  for (const ResizePlan& plan : plans) {
    const auto [y, x, height, width] = pixels_read(plan);
    const int bottom = y + height, right = x + width;
    EXPECT_TRUE(fits({y, x, height, width}, {60, 80}));
    EXPECT_FALSE(depends_on(image, plan, {0, 0, y, 80}));
    EXPECT_FALSE(depends_on(image, plan, {bottom, 0, 60 - bottom, 80}));
    EXPECT_FALSE(depends_on(image, plan, {0, 0, 60, x}));
    EXPECT_FALSE(depends_on(image, plan, {0, right, 60, 80 - right}));
    EXPECT_TRUE(depends_on(image, plan, {y, x, 1, width}));
    EXPECT_TRUE(depends_on(image, plan, {bottom - 1, x, 1, width}));
    EXPECT_TRUE(depends_on(image, plan, {y, x, height, 1}));
    EXPECT_TRUE(depends_on(image, plan, {y, right - 1, height, 1}));
  }
}

// Working memory of one size must not show in an image of another.
TEST(Resize, ScratchCarriesNothingOver) {
  ResizeScratch scratch;
  const Image large = noise_image(80, 90, 3), small = noise_image(9, 8, 1);
  std::vector<float> first(50 * 60 * 3), second(20 * 20);
  resize_bicubic(large, whole({0, 0, 80, 90}, 50, 60), {}, pixel_kernels(), scratch, first);
  resize_bicubic(small, whole({0, 0, 9, 8}, 20, 20), {}, pixel_kernels(), scratch, second);
  EXPECT_EQ(second, resized(small, whole({0, 0, 9, 8}, 20, 20)));
}

TEST(Resize, RefusesWindowsThatDoNotFit) {
  const Image image = noise_image(10, 10, 3);
  ResizeScratch scratch;
  std::vector<float> output(5 * 5 * 3);
  const auto attempt = [&](const ResizePlan& plan) {
    resize_bicubic(image, plan, {}, pixel_kernels(), scratch, output);
  };
  EXPECT_NO_THROW(attempt(whole({5, 5, 5, 5}, 5, 5)));
  EXPECT_THROW(attempt(whole({6, 5, 5, 5}, 5, 5)), std::invalid_argument);
  EXPECT_THROW(attempt(whole({-1, 0, 5, 5}, 5, 5)), std::invalid_argument);
  EXPECT_THROW(attempt({{0, 0, 10, 10}, 5, 5, {1, 0, 5, 5}, false}), std::invalid_argument);
  EXPECT_THROW(attempt(whole({0, 0, 5, 5}, 6, 5)), std::invalid_argument);  // output too small
}

}  // namespace
}  // namespace resnext::data
