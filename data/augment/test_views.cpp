#include "data/augment/test_views.h"

#include <stdexcept>
#include <utility>

#include <fmt/format.h>

namespace resnext::data {
namespace {

using Place = TestView::Place;

/// The window that the view takes of the resized image (already mirrored, where it is).
Window window_of(const TestView& view, const Extent& resized) {
  if (view.place == Place::kWhole) return {0, 0, resized.height, resized.width};
  const int below = resized.height - view.crop, right = resized.width - view.crop;
  switch (view.place) {
    case Place::kTopLeft:
      return {0, 0, view.crop, view.crop};
    case Place::kTopRight:
      return {0, right, view.crop, view.crop};
    case Place::kBottomLeft:
      return {below, 0, view.crop, view.crop};
    case Place::kBottomRight:
      return {below, right, view.crop, view.crop};
    default:
      return centre_window(resized, view.crop);
  }
}

}  // namespace

std::vector<TestView> centre_crop_views(int shorter, int crop) {
  return {{shorter, crop, Place::kCentre, false}};
}

std::vector<TestView> ten_crop_views(int shorter, int crop) {
  std::vector<TestView> views;
  for (const bool mirror : {false, true})
    for (const Place place : {Place::kCentre, Place::kTopLeft, Place::kTopRight, Place::kBottomLeft,
                              Place::kBottomRight})
      views.push_back({shorter, crop, place, mirror});
  return views;
}

std::vector<TestView> dense_views(std::span<const int> shorter_sides, bool mirrored) {
  std::vector<TestView> views;
  for (const int shorter : shorter_sides) {
    views.push_back({shorter, 0, Place::kWhole, false});
    if (mirrored) views.push_back({shorter, 0, Place::kWhole, true});
  }
  return views;
}

TestViews::TestViews(std::vector<TestView> views, const ChannelStatistics& statistics)
    : views_(std::move(views)), normalisation_(statistics) {
  if (views_.empty()) throw std::invalid_argument("a test without views");
  for (const TestView& view : views_) {
    const bool whole = view.place == Place::kWhole;
    if (view.shorter < 1 || (whole ? view.crop != 0 : view.crop < 1 || view.crop > view.shorter))
      throw std::invalid_argument(fmt::format("a test view of {} pixels from a shorter side of {}",
                                              view.crop, view.shorter));
  }
}

Extent TestViews::extent(int view, const Extent& image) const {
  const Window part = plan(view, image).part;
  return {part.height, part.width};
}

void TestViews::write(const Image& image, int view, ResizeScratch& scratch,
                      std::span<float> output) const {
  write_normalised(image, plan(view, {image.height, image.width}), normalisation_, scratch, output);
}

ResizePlan TestViews::plan(int view, const Extent& image) const {
  const TestView& wanted = views_.at(view);
  const Extent resized = scale_shorter_side(image, wanted.shorter);
  Window part = window_of(wanted, resized);
  // A plan's part is mirrored after it was taken, the view's window before.
  if (wanted.mirror) part.x = resized.width - part.width - part.x;
  return {{0, 0, image.height, image.width}, resized.height, resized.width, part, wanted.mirror};
}

}  // namespace resnext::data
