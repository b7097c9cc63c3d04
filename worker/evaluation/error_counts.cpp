#include "worker/evaluation/error_counts.h"

#include <limits>

#include <fmt/format.h>

#include "worker/evaluation/scores.h"

namespace resnext::worker {

void count_image(std::span<const float> scores, const ClassMapping& classes, int label,
                 ErrorCounts& counts) {
  const int target = classes.to_model[label];
  counts.loss_sum += log_sum_exp(scores) - scores[target];
  ++counts.images;
  const int rank = rank_of_label(scores, target);
  counts.top1_correct += rank < 1 ? 1 : 0;
  counts.top5_correct += rank < 5 ? 1 : 0;
  if (!classes.subset) return;
  const int restricted = rank_of_label(scores, target, classes.to_model);
  counts.restricted_top1_correct += restricted < 1 ? 1 : 0;
  counts.restricted_top5_correct += restricted < 5 ? 1 : 0;
}

ValidationResult to_result(const ErrorCounts& counts, const ClassMapping& classes) {
  const auto images = double(counts.images);
  const auto error = [images](std::int64_t correct) {
    return 100 * (1 - double(correct) / images);
  };
  ValidationResult result{counts.images, counts.loss_sum / images, error(counts.top1_correct),
                          error(counts.top5_correct), std::nullopt};
  if (classes.subset) {
    result.restricted = {static_cast<int>(classes.to_model.size()),
                         error(counts.restricted_top1_correct),
                         error(counts.restricted_top5_correct)};
  }
  return result;
}

std::string describe(const ValidationResult& result) {
  std::string text = fmt::format("loss {:.4f}, top-1 error {:.2f}%, top-5 error {:.2f}%",
                                 result.loss, result.top1_error, result.top5_error);
  if (result.restricted) {
    text += fmt::format("; among its own {} classes: top-1 error {:.2f}%, top-5 error {:.2f}%",
                        result.restricted->classes, result.restricted->top1_error,
                        result.restricted->top5_error);
  }
  return text;
}

void add_evaluation(std::uint64_t step, double epoch, const ValidationResult& result,
                    ValidationHistory& history) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  const std::size_t before = history.step.size();
  history.step.push_back(step);
  history.epoch.push_back(epoch);
  history.loss.push_back(result.loss);
  history.top1_error.push_back(result.top1_error);
  history.top5_error.push_back(result.top5_error);
  if (!result.restricted && history.restricted_top1_error.empty()) return;
  history.restricted_top1_error.resize(before, kNone);
  history.restricted_top5_error.resize(before, kNone);
  history.restricted_top1_error.push_back(result.restricted ? result.restricted->top1_error
                                                            : kNone);
  history.restricted_top5_error.push_back(result.restricted ? result.restricted->top5_error
                                                            : kNone);
}

}  // namespace resnext::worker
