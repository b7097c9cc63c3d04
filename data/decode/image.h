#pragma once
// A decoded image in memory.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace resnext::data {

/// 8-bit pixels in H, W, C order; channels is 1 (grey) or 3 (RGB).
struct Image {
  int height = 0;
  int width = 0;
  int channels = 0;
  std::vector<std::uint8_t> pixels;

  void resize(int new_height, int new_width, int new_channels) {
    height = new_height;
    width = new_width;
    channels = new_channels;
    pixels.resize(std::size_t(height) * width * channels);
  }
};

}  // namespace resnext::data
