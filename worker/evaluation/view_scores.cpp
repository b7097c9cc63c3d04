#include "worker/evaluation/view_scores.h"

#include <utility>

namespace resnext::worker {

ViewScores::ViewScores(std::vector<Network> networks, int classes, int batch,
                       const net::Shape& input, Average average)
    : networks_(std::move(networks)),
      classes_(classes),
      batch_(batch),
      batch_values_(batch_ * input.count()),
      average_(average),
      rows_(networks_.size()) {}

void ViewScores::add(std::span<const ImageViews::View> views) {
  for (const ImageViews::View& view : views) {
    const bool fits = view.extent == extent_ && waiting_ < batch_ &&
                      values_.size() + view.values.size() <= batch_values_;
    if (waiting_ > 0 && !fits) run();
    extent_ = view.extent;
    values_.insert(values_.end(), view.values.begin(), view.values.end());
    ++waiting_;
  }
  view_counts_.push_back(views.size());
}

void ViewScores::run() {
  for (std::size_t n = 0; n < networks_.size(); ++n) {
    std::vector<float>& rows = rows_[n];
    const std::size_t before = rows.size();
    rows.resize(before + waiting_ * classes_);
    const net::Batch batch{
        static_cast<int>(waiting_), {}, {}, values_, extent_.height, extent_.width};
    networks_[n].engine->evaluate(batch, networks_[n].statistics, std::span(rows).subspan(before));
  }
  waiting_ = 0;
  values_.clear();
}

std::span<const float> ViewScores::take() {
  if (waiting_ > 0) run();
  scores_.resize(view_counts_.size() * classes_);
  averages_.resize(networks_.size() * classes_);
  std::size_t view = 0;
  for (std::size_t image = 0; image < view_counts_.size(); ++image) {
    const std::size_t count = view_counts_[image];
    for (std::size_t n = 0; n < networks_.size(); ++n) {
      average_scores(std::span(rows_[n]).subspan(view * classes_, count * classes_), average_,
                     std::span(averages_).subspan(n * classes_, classes_));
    }
    average_scores(averages_, average_, std::span(scores_).subspan(image * classes_, classes_));
    view += count;
  }
  view_counts_.clear();
  for (std::vector<float>& rows : rows_) rows.clear();
  return scores_;
}

}  // namespace resnext::worker
