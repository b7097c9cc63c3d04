#pragma once
// From a decoded image to the network's input: augmentation for training, cropping for tests. What
// is drawn at random is a pure function of (seed, epoch, sample index).

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "data/augment/normalise.h"
#include "data/augment/resize.h"
#include "data/decode/image.h"
#include "data/decode/window.h"

namespace resnext::data {

/// Identifies the random draws of one sample.
struct DrawKey {
  std::uint64_t seed = 0;
  std::uint64_t epoch = 0;
  std::uint64_t sample = 0;
};

/// Turns an image into normalised float planes (C, size, size) at `output`, neither rounded nor
/// clamped, of the channels (1 or 3) that it was made with statistics for. Thread-safe: const and
/// without hidden state; `scratch` is reused between calls by one thread, so that none of them
/// allocates once it has grown.
class Transform {
 public:
  Transform() = default;
  Transform(const Transform&) = delete;
  Transform& operator=(const Transform&) = delete;
  virtual ~Transform() = default;

  /// The pixels of an image of that size that apply() looks at: the others need not be decoded. All
  /// of them, unless the transform knows better.
  virtual Window looked_at(const Extent& image, const DrawKey& key) const;

  /// Throws std::runtime_error for an image of a size that the transform does not take (the caller
  /// adds which image it was), std::invalid_argument for an output or channels that do not fit.
  virtual void apply(const Image& image, const DrawKey& key, ResizeScratch& scratch,
                     std::span<float> output) const = 0;
};

/// Names that --augment takes: "none"; "flip"; "cifar" (pad 4, random crop, flip); "imagenet"
/// (scale-and-aspect crop, flip), as the paper's text; "imagenet-colour" (scale-and-aspect crop,
/// colour jitter, lighting, flip), as the published code.
std::vector<std::string> augmentation_names();

/// Throws std::invalid_argument, naming the augmentation, unless it takes images of so many
/// channels.
void check_channels(const std::string& augmentation, int channels);

/// The training transform `name` to size x size pixels. "flip" and "cifar" take images of just that
/// size; "none" on other sizes does as the test transform; the ImageNet ones take any.
/// Throws std::invalid_argument with the nearest valid name, and as check_channels.
std::unique_ptr<Transform> make_augmentation(const std::string& name, int size,
                                             const ChannelStatistics& statistics);

/// The test transform: the shorter side is resized (bicubic) to `shorter` and the size x size
/// centre cropped. With `shorter` 0, images of just size x size are passed on, and of others the
/// shorter side becomes size * 256 / 224, rounded down.
std::unique_ptr<Transform> make_test_transform(int size, const ChannelStatistics& statistics,
                                               int shorter = 0);

}  // namespace resnext::data
