#include "net/cpu/softmax_cross_entropy.h"

#include <algorithm>
#include <cmath>

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
        training_(builder.training) {
    const Value& logits = builder.read(input_);
    logits_buffer_ = logits.buffer;
    gradient_bytes_ = logits.descriptor.get_size();
    // No layer reads a loss; its own gradient is one.
    builder.values[node] = {logits.descriptor, logits.buffer};
  }

  void plan_backward(Builder& builder) override {
    builder.use(logits_buffer_);
    gradient_buffer_ = builder.add_buffer(gradient_bytes_);
    builder.gradients[input_].push_back(gradient_buffer_);
  }

  void bind(const Placement& placement, const dnnl::engine&) override {
    logits_ = placement.floats(logits_buffer_);
    if (training_) gradient_ = placement.floats(gradient_buffer_);
  }

  void forward(Run& run) override {
    run.metrics.images += images_;
    if (run.batch.labels.empty()) return;
    for (int n = 0; n < images_; ++n) {
      const std::span<const float> row = logits(n);
      const int label = run.batch.labels[n];
      const auto [largest, log_sum] = log_sum_exp(row);
      run.metrics.loss_sum += log_sum + largest - row[label];
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
        const double target = k == run.batch.labels[n] ? 1.0 : 0.0;
        gradient_[std::size_t(n) * classes_ + k] =
            static_cast<float>((probability - target) * run.loss_scale);
      }
    }
  }

 private:
  std::span<const float> logits(int n) const {
    return {logits_ + std::size_t(n) * classes_, std::size_t(classes_)};
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
  bool training_;
  BufferId logits_buffer_ = -1, gradient_buffer_ = -1;
  std::size_t gradient_bytes_ = 0;
  const float* logits_ = nullptr;
  float* gradient_ = nullptr;
};

}  // namespace

std::unique_ptr<Layer> make_softmax_cross_entropy(Builder& builder, int node) {
  return std::make_unique<SoftmaxCrossEntropy>(builder, node);
}

}  // namespace resnext::net::cpu
