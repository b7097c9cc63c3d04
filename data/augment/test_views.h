#pragma once
// The test protocols: which views of an image a network is shown, its answers to which are
// averaged.

#include <span>
#include <vector>

#include "data/augment/crop.h"
#include "data/augment/normalise.h"
#include "data/augment/resize.h"
#include "data/decode/image.h"

namespace resnext::data {

/// One view: the image's shorter side is brought to `shorter` (bicubic, see scale_shorter_side),
/// the result mirrored left to right if `mirror`, and of that a crop x crop window taken at
/// `place`.
struct TestView {
  enum class Place { kCentre, kTopLeft, kTopRight, kBottomLeft, kBottomRight, kWhole };

  int shorter = 0;
  int crop = 0;  ///< 0 with kWhole: all of it
  Place place = Place::kCentre;
  bool mirror = false;
};

/// The single centre crop: 256 and 224 in most tables of the paper; 320 in Table 5.
std::vector<TestView> centre_crop_views(int shorter, int crop);

/// Centre and corners (top left, top right, bottom left, bottom right), then the same of the
/// mirrored image: the published code's TenCrop.
std::vector<TestView> ten_crop_views(int shorter, int crop);

/// For a fully convolutional network: the whole image at each of these sizes, with `mirrored` each
/// followed by its mirror image.
std::vector<TestView> dense_views(std::span<const int> shorter_sides, bool mirrored);

/// Makes the views of images. Thread-safe: const and without hidden state.
class TestViews {
 public:
  /// Throws std::invalid_argument for a crop larger than the shorter side, or no views at all.
  TestViews(std::vector<TestView> views, const ChannelStatistics& statistics);

  int count() const { return static_cast<int>(views_.size()); }

  /// Of view number `view` of an image of such a size: the crop's, or that of the whole image.
  Extent extent(int view, const Extent& image) const;

  /// Writes view number `view`, normalised, as (C, H, W) of extent(). `scratch` is reused between
  /// calls by one thread. Throws std::invalid_argument for an output or channels that do not fit.
  void write(const Image& image, int view, ResizeScratch& scratch, std::span<float> output) const;

 private:
  ResizePlan plan(int view, const Extent& image) const;

  std::vector<TestView> views_;
  Normalisation normalisation_;
};

}  // namespace resnext::data
