#include "worker/evaluation/scores.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace resnext::worker {
namespace {

bool comes_before(std::span<const float> scores, int a, int b) {
  return scores[a] > scores[b] || (scores[a] == scores[b] && a < b);
}

}  // namespace

double log_sum_exp(std::span<const float> scores) {
  const double largest = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (const float score : scores) sum += std::exp(double(score) - largest);
  return largest + std::log(sum);
}

int rank_of_label(std::span<const float> scores, int label) {
  if (std::isnan(scores[label])) return static_cast<int>(scores.size());
  int rank = 0;
  for (int c = 0; c < static_cast<int>(scores.size()); ++c) rank += comes_before(scores, c, label);
  return rank;
}

int rank_of_label(std::span<const float> scores, int label, std::span<const int> among) {
  if (std::isnan(scores[label])) return static_cast<int>(among.size());
  return static_cast<int>(std::count_if(among.begin(), among.end(),
                                        [&](int c) { return comes_before(scores, c, label); }));
}

std::vector<int> top_classes(std::span<const float> scores, int k) {
  std::vector<int> classes(scores.size());
  std::iota(classes.begin(), classes.end(), 0);
  const auto end = classes.begin() + std::min<std::ptrdiff_t>(k, std::ssize(classes));
  std::partial_sort(classes.begin(), end, classes.end(), [&](int a, int b) {
    const bool a_is_number = !std::isnan(scores[a]), b_is_number = !std::isnan(scores[b]);
    if (a_is_number != b_is_number) return a_is_number;
    return a_is_number ? comes_before(scores, a, b) : a < b;
  });
  classes.erase(end, classes.end());
  return classes;
}

void average_scores(std::span<const float> rows, Average what, std::span<float> average) {
  const std::size_t classes = average.size(), count = rows.size() / classes;
  std::vector<double> shifts(count, 0.0);
  if (what == Average::kProbabilities) {
    for (std::size_t r = 0; r < count; ++r)
      shifts[r] = log_sum_exp(rows.subspan(r * classes, classes));
  }
  for (std::size_t c = 0; c < classes; ++c) {
    if (what == Average::kLogits) {
      double sum = 0;
      for (std::size_t r = 0; r < count; ++r) sum += rows[r * classes + c];
      average[c] = static_cast<float>(sum / double(count));
      continue;
    }
    // In logarithms, so that no probability becomes 0.
    double largest = -std::numeric_limits<double>::infinity(), sum = 0;
    for (std::size_t r = 0; r < count; ++r)
      largest = std::max(largest, rows[r * classes + c] - shifts[r]);
    for (std::size_t r = 0; r < count; ++r)
      sum += std::exp(rows[r * classes + c] - shifts[r] - largest);
    average[c] = static_cast<float>(largest + std::log(sum / double(count)));
  }
}

}  // namespace resnext::worker
