#include <algorithm>
#include <vector>

#include "net/cpu/pooling.h"
#include "net/cpu/thread_team.h"
#include "net/cpu/value_reader.h"

namespace resnext::net::cpu {
namespace {

class GlobalAveragePool final : public Layer {
 public:
  GlobalAveragePool(Builder& builder, int node)
      : node_(node),
        input_node_(builder.graph.nodes[node].inputs[0]),
        threads_(builder.threads),
        images_(builder.batch_size),
        channels_(builder.graph.nodes[node].output.channels),
        name_(builder.graph.nodes[node].name),
        input_(builder, input_node_),
        training_(builder.training) {
    count_windows(builder.graph.nodes[node].window.kernel, builder.graph.nodes[input_node_].output);
    output_ = builder.add_buffer(builder.values_of(node) * sizeof(float));
    builder.values[node] = {node, output_, Precision::kFp32};
  }

  void plan_backward(Builder& builder) override {
    gradient_ = GradientSum(builder, node_);
    input_gradient_ = builder.add_activation(input_node_);
    builder.add_gradient(input_node_, input_gradient_);
  }

  void bind(const Placement& placement) override {
    const Precision precision = input_.value().precision;
    x_ = {placement.address(input_.value().buffer), precision};
    y_ = placement.floats(output_);
    if (!training_) return;
    gradient_.bind(placement);
    dx_ = {placement.address(input_gradient_), precision};
  }

  std::vector<PassProfile> passes() const override {
    const double bytes = double(images_) * double(windows_.size()) * channels_ *
                         double(bytes_of(input_.value().precision));
    std::vector<PassProfile> passes = {{name_, "forward", "plain", "nhwc", 0.0, bytes}};
    if (training_) passes.push_back({name_, "backward", "plain", "nhwc", 0.0, bytes});
    return passes;
  }

  void forward(Run& run) override {
    const PassTimer timer(run.clock, *this, 0);
    for_each_image([&](int n) {
      std::vector<double>& sums = sums_[n];
      std::ranges::fill(sums, 0.0);
      std::size_t at = n * windows_.size() * channels_;
      for (const double windows : windows_) {
        for (int c = 0; c < channels_; ++c) sums[c] += x_.get(at++) * windows;
      }
      for (int c = 0; c < channels_; ++c) {
        y_[std::size_t(n) * channels_ + c] = static_cast<float>(sums[c] / total_windows_);
      }
    });
  }

  void backward(Run& run) override {
    const PassTimer timer(run.clock, *this, 1);
    gradient_.run();
    const auto* dy = static_cast<const float*>(gradient_.target());
    for_each_image([&](int n) {
      std::size_t at = n * windows_.size() * channels_;
      for (const double windows : windows_) {
        const float share = static_cast<float>(windows / total_windows_);
        for (int c = 0; c < channels_; ++c) dx_.set(at++, dy[n * channels_ + c] * share);
      }
    });
  }

 private:
  template <typename Body>
  void for_each_image(const Body& body) const {
    on_each_thread(threads_, [&](int thread) {
      const Share share = share_of(images_, thread, threads_);
      for (int n = share.first; n < share.end; ++n) body(n);
    });
  }

  /// In how many positions of a k x k window each pixel takes part: once for the whole map.
  void count_windows(int kernel, const Shape& shape) {
    const auto along = [kernel](int side, int at) {
      const int positions = kernel > 0 && kernel <= side ? side - kernel + 1 : 1;
      const int reach = side - positions + 1;
      return std::min(at, positions - 1) - std::max(0, at - reach + 1) + 1;
    };
    for (int y = 0; y < shape.height; ++y) {
      for (int x = 0; x < shape.width; ++x) {
        windows_.push_back(along(shape.height, y) * along(shape.width, x));
        total_windows_ += windows_.back();
      }
    }
  }

  int node_, input_node_, threads_, images_, channels_;
  const std::string& name_;
  ValueReader input_;
  bool training_;
  std::vector<double> windows_;  ///< by pixel
  double total_windows_ = 0;
  std::vector<std::vector<double>> sums_ =
      std::vector<std::vector<double>>(images_, std::vector<double>(channels_));
  BufferId output_ = -1, input_gradient_ = -1;
  GradientSum gradient_;
  StoredValues x_, dx_;
  float* y_ = nullptr;
};

}  // namespace

std::unique_ptr<Layer> make_global_average_pool(Builder& builder, int node) {
  return std::make_unique<GlobalAveragePool>(builder, node);
}

}  // namespace resnext::net::cpu
