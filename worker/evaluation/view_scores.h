#pragma once
// Scores of images from scores of their views, by one network or several.

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "net/engine.h"
#include "worker/evaluation/test_protocol.h"
#include "worker/evaluation/view_loader.h"

namespace resnext::worker {

class ViewScores {
 public:
  /// What computes one network; both must outlive the scores.
  struct Network {
    net::Engine* engine = nullptr;
    std::span<const float> statistics;
  };

  /// Networks of `classes` classes each. Up to `batch` views of one size are computed together, and
  /// fewer of views larger than `input`, so that they take no more memory.
  ViewScores(std::vector<Network> networks, int classes, int batch, const net::Shape& input,
             Average average);

  /// Takes in an image; its views are computed sooner or later.
  void add(std::span<const ImageViews::View> views);

  /// The scores of the images added since the last call, (images, classes): for each network its
  /// views' average, then the average of the networks. Valid until the next call of add().
  std::span<const float> take();

 private:
  void run();

  std::vector<Network> networks_;
  const std::size_t classes_, batch_, batch_values_;
  const Average average_;

  // Views of one size that wait to be computed together.
  data::Extent extent_;
  std::size_t waiting_ = 0;
  std::vector<float> values_;

  std::vector<std::size_t> view_counts_;  ///< of the images
  std::vector<std::vector<float>> rows_;  ///< by network: (views, classes)
  std::vector<float> averages_, scores_;
};

}  // namespace resnext::worker
