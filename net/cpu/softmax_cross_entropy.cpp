#include "net/cpu/softmax_cross_entropy.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <vector>

#include "net/cpu/value_reader.h"

namespace resnext::net::cpu {
namespace {

/// Number of classes that rank before `label`; of equal logits the lower class comes first. A logit
/// that is not a number never makes its image correct.
int rank_of_label(std::span<const float> logits, int label) {
  int before = 0;
  for (int k = 0; k < static_cast<int>(logits.size()); ++k) {
    const bool label_wins = logits[label] > logits[k] || (logits[label] == logits[k] && label <= k);
    if (!label_wins) ++before;
  }
  return before;
}

class SoftmaxCrossEntropy final : public Layer {
 public:
  SoftmaxCrossEntropy(Builder& builder, int node)
      : input_(builder.graph.nodes[node].inputs[0]),
        images_(builder.batch_size),
        classes_(builder.graph.nodes[input_].output.channels),
        // Evaluation counts the plain loss, so that recipes can be compared.
        smoothing_(builder.training ? builder.graph.nodes[node].label_smoothing : 0.0F),
        source_(builder, input_) {
    // No layer reads a loss; its own gradient is one.
    builder.values[node] = source_.value();
  }

  void plan_backward(Builder& builder) override {
    builder.use(source_.value().buffer);
    input_gradient_ =
        builder.add_buffer(builder.values_of(input_) * bytes_of(source_.value().precision));
    builder.add_gradient(input_, input_gradient_);
  }

  void bind(const Placement& placement) override {
    logits_ = {placement.address(source_.value().buffer), source_.value().precision};
    row_.resize(classes_);
    gradient_ = {placement.address(input_gradient_), source_.value().precision};
  }

  void forward(Run& run) override {
    run.metrics.images += images_;
    if (run.batch.labels.empty()) return;
    for (int n = 0; n < images_; ++n) {
      const std::span<const float> row = logits(n);
      const int label = run.batch.labels[n];
      const auto [largest, log_sum] = log_sum_exp(row);
      run.metrics.loss_sum += log_sum + largest - target_logit(row, label);
      const int rank = rank_of_label(row, label);
      run.metrics.top1_correct += rank < 1 ? 1 : 0;
      run.metrics.top5_correct += rank < 5 ? 1 : 0;
    }
  }

  void backward(Run& run) override {
    for (int n = 0; n < images_; ++n) {
      const std::span<const float> row = logits(n);
      const auto [largest, log_sum] = log_sum_exp(row);
      for (int k = 0; k < classes_; ++k) {
        const double probability = std::exp(row[k] - largest - log_sum);
        const double target =
            (k == run.batch.labels[n] ? 1.0 - smoothing_ : 0.0) + smoothing_ / classes_;
        gradient_.set(std::size_t(n) * classes_ + k,
                      static_cast<float>((probability - target) * run.loss_scale));
      }
    }
  }

 private:
  std::span<const float> logits(int n) {
    for (int k = 0; k < classes_; ++k) row_[k] = logits_.get(std::size_t(n) * classes_ + k);
    return row_;
  }

  /// The target distribution's mean logit. Label smoothing (Szegedy et al. 2016, section 7) gives
  /// its share to all classes, the label's among them.
  double target_logit(std::span<const float> row, int label) const {
    if (smoothing_ == 0) return row[label];
    const double mean = std::accumulate(row.begin(), row.end(), 0.0) / classes_;
    return (1.0 - smoothing_) * row[label] + smoothing_ * mean;
  }

  struct LogSum {
    double largest;
    double log_sum;  ///< log of the sum of exp(logit - largest)
  };
  static LogSum log_sum_exp(std::span<const float> row) {
    const double largest = *std::max_element(row.begin(), row.end());
    double sum = 0;
    for (const float logit : row) sum += std::exp(logit - largest);
    return {largest, std::log(sum)};
  }

  int input_, images_, classes_;
  double smoothing_;
  ValueReader source_;
  BufferId input_gradient_ = -1;
  StoredValues logits_, gradient_;
  std::vector<float> row_;  ///< one image's logits
};

}  // namespace

std::unique_ptr<Layer> make_softmax_cross_entropy(Builder& builder, int node) {
  return std::make_unique<SoftmaxCrossEntropy>(builder, node);
}

}  // namespace resnext::net::cpu
