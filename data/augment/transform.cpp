#include "data/augment/transform.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "cli/nearest_name.h"
#include "data/augment/crop.h"
#include "data/augment/imagenet_augmentation.h"
#include "data/random.h"

namespace resnext::data {
namespace {

Draws draws_for(const DrawKey& key) {
  return Draws(Purpose::kAugmentation, {key.seed, key.epoch, key.sample});
}

Extent extent_of(const Image& image) {
  return {image.height, image.width};
}

bool has_size(const Extent& image, int size) {
  return image.height == size && image.width == size;
}

/// Taking over the whole image.
ResizePlan whole(const Extent& image, bool mirror) {
  return {whole_of(image), image.height, image.width, whole_of(image), mirror};
}

/// 256 for a crop of 224, and in proportion for others.
int default_shorter_side(int crop) {
  return static_cast<int>(std::int64_t(crop) * 256 / 224);
}

class TestTransform final : public Transform {
 public:
  TestTransform(int size, int shorter, const ChannelStatistics& statistics)
      : size_(size), shorter_(shorter), normalisation_(statistics) {}

  Window looked_at(const Extent& image, const DrawKey&) const override {
    return pixels_read(plan(image));
  }

  void apply(const Image& image, const DrawKey&, ResizeScratch& scratch,
             std::span<float> output) const override {
    write_normalised(image, plan(extent_of(image)), normalisation_, scratch, output);
  }

 private:
  ResizePlan plan(const Extent& image) const {
    if (shorter_ == 0 && has_size(image, size_)) return whole(image, false);
    return centre_crop(image, shorter_ == 0 ? default_shorter_side(size_) : shorter_, size_);
  }

  int size_, shorter_;
  Normalisation normalisation_;
};

void require_size(const Image& image, int size, const char* augmentation) {
  if (!has_size(extent_of(image), size))
    throw std::runtime_error(
        fmt::format("augmentation '{}' takes {}x{} images, this one is {}x{} (use 'imagenet' or "
                    "'none')",
                    augmentation, size, size, image.height, image.width));
}

class Flip final : public Transform {
 public:
  Flip(int size, const ChannelStatistics& statistics) : size_(size), normalisation_(statistics) {}

  void apply(const Image& image, const DrawKey& key, ResizeScratch& scratch,
             std::span<float> output) const override {
    require_size(image, size_, "flip");
    write_normalised(image, whole(extent_of(image), draws_for(key).coin()), normalisation_, scratch,
                     output);
  }

 private:
  int size_;
  Normalisation normalisation_;
};

/// Normalises, pads by four zeros on each side, crops at random to the old size, flips.
class PadCropFlip final : public Transform {
 public:
  PadCropFlip(int size, const ChannelStatistics& statistics)
      : size_(size), normalisation_(statistics) {}

  void apply(const Image& image, const DrawKey& key, ResizeScratch&,
             std::span<float> output) const override {
    require_size(image, size_, "cifar");
    check_output(image, whole(extent_of(image), false), normalisation_, output.size());
    Draws draws = draws_for(key);
    const bool mirror = draws.coin();
    // The crop's corner relative to the unpadded image.
    const int dy = static_cast<int>(draws.below(2 * kPad + 1)) - kPad;
    const int dx = static_cast<int>(draws.below(2 * kPad + 1)) - kPad;
    std::fill(output.begin(), output.end(), 0.0F);
    write_overlap(image, dy, dx, mirror, output);
  }

 private:
  static constexpr int kPad = 4;

  void write_overlap(const Image& image, int dy, int dx, bool mirror,
                     std::span<float> output) const {
    const int first = std::max(0, dx), last = std::min(size_, size_ + dx);  // columns of the image
    if (first >= last) return;  // an image narrower than the padding
    const int crop_x = mirror ? size_ - (last - dx) : first - dx;
    for (int y = std::max(0, -dy); y < std::min(size_, size_ - dy); ++y) {
      const std::size_t from = (std::size_t(y + dy) * size_ + first) * image.channels;
      normalisation_.take_row(image.pixels.data() + from, last - first, mirror,
                              output.data() + std::size_t(y) * size_ + crop_x,
                              std::size_t(size_) * size_);
    }
  }

  int size_;
  Normalisation normalisation_;
};

class ImageNetAugmentation final : public Transform {
 public:
  ImageNetAugmentation(int size, bool colour, const ChannelStatistics& statistics)
      : size_(size), colour_(colour), normalisation_(statistics) {}

  Window looked_at(const Extent& image, const DrawKey& key) const override {
    return pixels_read(plan_imagenet(image, draw(image, key), size_));
  }

  void apply(const Image& image, const DrawKey& key, ResizeScratch& scratch,
             std::span<float> output) const override {
    apply_imagenet(image, draw(extent_of(image), key), size_, normalisation_, scratch, output);
  }

 private:
  ImageNetDraws draw(const Extent& image, const DrawKey& key) const {
    Draws draws = draws_for(key);
    return draw_imagenet(image, colour_, draws);
  }

  int size_;
  bool colour_;
  Normalisation normalisation_;
};

void check_size(int size) {
  if (size < 1)
    throw std::invalid_argument(fmt::format("an image size of {} pixels is not positive", size));
}

}  // namespace

Window Transform::looked_at(const Extent& image, const DrawKey&) const {
  return whole_of(image);
}

std::vector<std::string> augmentation_names() {
  return {"none", "flip", "cifar", "imagenet", "imagenet-colour"};
}

void check_channels(const std::string& augmentation, int channels) {
  if (augmentation == "imagenet-colour" && channels != 3)
    throw std::invalid_argument(fmt::format(
        "augmentation '{}' adjusts colours: it takes images of 3 channels, not {} (use 'imagenet')",
        augmentation, channels));
}

std::unique_ptr<Transform> make_augmentation(const std::string& name, int size,
                                             const ChannelStatistics& statistics) {
  check_size(size);
  check_channels(name, static_cast<int>(statistics.mean.size()));
  if (name == "none") return make_test_transform(size, statistics);
  if (name == "flip") return std::make_unique<Flip>(size, statistics);
  if (name == "cifar") return std::make_unique<PadCropFlip>(size, statistics);
  if (name == "imagenet" || name == "imagenet-colour")
    return std::make_unique<ImageNetAugmentation>(size, name == "imagenet-colour", statistics);
  throw std::invalid_argument(fmt::format("unknown augmentation '{}'{}", name,
                                          cli::did_you_mean(name, augmentation_names())));
}

std::unique_ptr<Transform> make_test_transform(int size, const ChannelStatistics& statistics,
                                               int shorter) {
  check_size(size);
  return std::make_unique<TestTransform>(size, shorter, statistics);
}

}  // namespace resnext::data
