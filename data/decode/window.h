#pragma once
// Sizes of images and places in them, in pixels.

namespace resnext::data {

struct Extent {
  int height = 0, width = 0;
  bool operator==(const Extent&) const = default;
};

/// A rectangle of pixels.
struct Window {
  int y = 0, x = 0;
  int height = 0, width = 0;
  bool operator==(const Window&) const = default;
};

/// All of an image.
constexpr Window whole_of(const Extent& image) {
  return {0, 0, image.height, image.width};
}

/// Whether the window has a pixel, and none outside the image.
constexpr bool fits(const Window& window, const Extent& image) {
  return window.y >= 0 && window.x >= 0 && window.height > 0 && window.width > 0 &&
         window.height <= image.height - window.y && window.width <= image.width - window.x;
}

}  // namespace resnext::data
