#include "data/transform.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "cli/nearest_name.h"
#include "data/random.h"

namespace resnext::data {
namespace {

Draws draws_for(const DrawKey& key) {
  return Draws(Purpose::kAugmentation, {key.seed, key.epoch, key.sample});
}

void check_output(const Image& image, int size, std::span<const std::uint8_t> output) {
  if (output.size() != std::size_t(size) * size * image.channels)
    throw std::invalid_argument(fmt::format("a transform to {}x{}x{} was given {} bytes of output",
                                            size, size, image.channels, output.size()));
}

bool has_size(const Image& image, int size) {
  return image.height == size && image.width == size;
}

/// Copies `pixels` pixels, mirrored if `mirror`.
void copy_row(const std::uint8_t* from, int pixels, int channels, bool mirror, std::uint8_t* to) {
  const std::size_t bytes = std::size_t(pixels) * channels;
  if (!mirror) {
    std::memcpy(to, from, bytes);
  } else if (channels == 1) {
    std::reverse_copy(from, from + bytes, to);
  } else {
    for (int x = 0; x < pixels; ++x)
      std::copy_n(from + std::size_t(pixels - 1 - x) * channels, channels,
                  to + std::size_t(x) * channels);
  }
}

void copy_image(const Image& image, bool mirror, std::span<std::uint8_t> output) {
  const std::size_t stride = std::size_t(image.width) * image.channels;
  for (int y = 0; y < image.height; ++y)
    copy_row(image.pixels.data() + y * stride, image.width, image.channels, mirror,
             output.data() + y * stride);
}

/// The whole image with its shorter side resized to `shorter`, and of that the size x size centre.
/// The odd pixel goes to the left and to the top, as in the published code.
ResizePlan scale_and_centre_crop(const Image& image, int shorter, int size, bool mirror) {
  const std::int64_t short_side = std::min(image.height, image.width);
  const auto scaled = [&](int side) {
    return static_cast<int>(side * std::int64_t(shorter) / short_side);
  };
  ResizePlan plan;
  plan.source = {0, 0, image.height, image.width};
  plan.height = scaled(image.height);
  plan.width = scaled(image.width);
  plan.part = {(plan.height - size + 1) / 2, (plan.width - size + 1) / 2, size, size};
  plan.mirror = mirror;
  return plan;
}

class TestTransform final : public Transform {
 public:
  explicit TestTransform(int size) : size_(size) {}

  void apply(const Image& image, const DrawKey&, ResizeScratch& scratch,
             std::span<std::uint8_t> output) const override {
    check_output(image, size_, output);
    if (has_size(image, size_)) {
      copy_image(image, false, output);
    } else {
      const int shorter = static_cast<int>(std::int64_t(size_) * 256 / 224);
      resize_bicubic(image, scale_and_centre_crop(image, shorter, size_, false), scratch, output);
    }
  }

 private:
  int size_;
};

void require_size(const Image& image, int size, const char* augmentation) {
  if (!has_size(image, size))
    throw std::runtime_error(
        fmt::format("augmentation '{}' takes {}x{} images, this one is {}x{} (use 'imagenet' or "
                    "'none')",
                    augmentation, size, size, image.height, image.width));
}

class Flip final : public Transform {
 public:
  explicit Flip(int size) : size_(size) {}

  void apply(const Image& image, const DrawKey& key, ResizeScratch&,
             std::span<std::uint8_t> output) const override {
    require_size(image, size_, "flip");
    check_output(image, size_, output);
    copy_image(image, draws_for(key).coin(), output);
  }

 private:
  int size_;
};

/// Pads by four pixels on each side, crops at random to the old size, flips.
class PadCropFlip final : public Transform {
 public:
  PadCropFlip(int size, std::vector<std::uint8_t> padding)
      : size_(size), padding_(std::move(padding)) {}

  void apply(const Image& image, const DrawKey& key, ResizeScratch&,
             std::span<std::uint8_t> output) const override {
    require_size(image, size_, "cifar");
    check_output(image, size_, output);
    if (!padding_.empty() && padding_.size() != std::size_t(image.channels))
      throw std::invalid_argument(
          fmt::format("padding of {} channels for images of {}", padding_.size(), image.channels));
    Draws draws = draws_for(key);
    const bool mirror = draws.coin();
    // The crop's corner relative to the unpadded image.
    const int dy = static_cast<int>(draws.below(2 * kPad + 1)) - kPad;
    const int dx = static_cast<int>(draws.below(2 * kPad + 1)) - kPad;
    fill_with_padding(image.channels, output);
    copy_overlap(image, dy, dx, mirror, output);
  }

 private:
  static constexpr int kPad = 4;

  void fill_with_padding(int channels, std::span<std::uint8_t> output) const {
    if (padding_.empty()) {
      std::fill(output.begin(), output.end(), std::uint8_t(0));
      return;
    }
    for (std::size_t i = 0; i < output.size(); i += channels)
      std::copy_n(padding_.data(), channels, output.data() + i);
  }

  void copy_overlap(const Image& image, int dy, int dx, bool mirror,
                    std::span<std::uint8_t> output) const {
    const int first = std::max(0, dx), last = std::min(size_, size_ + dx);  // columns of the image
    if (first >= last) return;  // an image narrower than the padding
    const int crop_x = mirror ? size_ - (last - dx) : first - dx;
    for (int y = std::max(0, -dy); y < std::min(size_, size_ - dy); ++y) {
      const std::size_t from = (std::size_t(y + dy) * size_ + first) * image.channels;
      const std::size_t to = (std::size_t(y) * size_ + crop_x) * image.channels;
      copy_row(image.pixels.data() + from, last - first, image.channels, mirror,
               output.data() + to);
    }
  }

  int size_;
  std::vector<std::uint8_t> padding_;
};

/// The published code's scale-and-aspect augmentation, then a flip.
class RandomSizedCropFlip final : public Transform {
 public:
  explicit RandomSizedCropFlip(int size) : size_(size) {}

  void apply(const Image& image, const DrawKey& key, ResizeScratch& scratch,
             std::span<std::uint8_t> output) const override {
    check_output(image, size_, output);
    Draws draws = draws_for(key);
    const bool mirror = draws.coin();
    Window crop;
    if (find_crop(image, draws, crop)) {
      const ResizePlan plan{crop, size_, size_, {0, 0, size_, size_}, mirror};
      resize_bicubic(image, plan, scratch, output);
    } else {
      resize_bicubic(image, scale_and_centre_crop(image, size_, size_, mirror), scratch, output);
    }
  }

 private:
  /// Ten tries to find a crop that fits in the image.
  static bool find_crop(const Image& image, Draws& draws, Window& crop) {
    const double area = static_cast<double>(image.height) * image.width;
    for (int attempt = 0; attempt < 10; ++attempt) {
      const double target = draws.uniform(0.08, 1.0) * area;
      const double aspect = draws.uniform(3.0 / 4, 4.0 / 3);
      // Tiny images would round to no pixels at all.
      double width = std::max(1.0, std::floor(std::sqrt(target * aspect) + 0.5));
      double height = std::max(1.0, std::floor(std::sqrt(target / aspect) + 0.5));
      if (draws.coin()) std::swap(width, height);
      if (height > image.height || width > image.width) continue;
      crop.height = static_cast<int>(height);
      crop.width = static_cast<int>(width);
      crop.y = static_cast<int>(draws.below(image.height - crop.height + 1));
      crop.x = static_cast<int>(draws.below(image.width - crop.width + 1));
      return true;
    }
    return false;
  }

  int size_;
};

void check_size(int size) {
  if (size < 1)
    throw std::invalid_argument(fmt::format("an image size of {} pixels is not positive", size));
}

}  // namespace

std::vector<std::string> augmentation_names() {
  return {"none", "flip", "cifar", "imagenet"};
}

std::unique_ptr<Transform> make_augmentation(const std::string& name, int size,
                                             std::vector<std::uint8_t> padding) {
  check_size(size);
  if (name == "none") return make_test_transform(size);
  if (name == "flip") return std::make_unique<Flip>(size);
  if (name == "cifar") return std::make_unique<PadCropFlip>(size, std::move(padding));
  if (name == "imagenet") return std::make_unique<RandomSizedCropFlip>(size);
  throw std::invalid_argument(fmt::format("unknown augmentation '{}'{}", name,
                                          cli::did_you_mean(name, augmentation_names())));
}

std::unique_ptr<Transform> make_test_transform(int size) {
  check_size(size);
  return std::make_unique<TestTransform>(size);
}

}  // namespace resnext::data
