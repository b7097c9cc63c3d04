#include <algorithm>

#include "net/cpu/channel_layout.h"
#include "net/cpu/pooling.h"
#include "net/cpu/reordering.h"

namespace resnext::net::cpu {
namespace {

class GlobalAveragePool final : public Layer {
 public:
  GlobalAveragePool(Builder& builder, int node)
      : node_(node), input_(builder.graph.nodes[node].inputs[0]), training_(builder.training) {
    const Value& source = builder.read(input_);
    source_ = source.buffer;
    source_descriptor_ = source.descriptor;
    layout_ = channel_layout(source.descriptor);
    count_windows(builder.graph.nodes[node].window.kernel, builder.graph.nodes[input_].output);
    const auto descriptor =
        activation_descriptor(builder.dims(node), dnnl::memory::format_tag::nchw);
    destination_ = builder.add_buffer(descriptor);
    builder.values[node] = {descriptor, destination_};
  }

  void plan_backward(Builder& builder) override {
    gradient_ = GradientSum(builder, node_);
    source_gradient_ = GradientReordering(builder, input_, source_descriptor_);
  }

  void bind(const Placement& placement, const dnnl::engine& engine) override {
    x_ = placement.floats(source_);
    y_ = placement.floats(destination_);
    if (!training_) return;
    gradient_.bind(placement);
    source_gradient_.bind(placement, engine);
    dx_ = static_cast<float*>(source_gradient_.memory().get_data_handle());
  }

  void forward(Run&) override {
#pragma omp parallel for schedule(static)
    for (int n = 0; n < layout_.images; ++n) {
      for (int c = 0; c < layout_.channels; ++c) {
        const float* channel = x_ + channel_offset(n, c);
        double sum = 0;
        for (std::size_t p = 0; p < layout_.pixels; ++p) {
          sum += channel[p * layout_.block] * windows_[p];
        }
        y_[std::size_t(n) * layout_.channels + c] = static_cast<float>(sum / total_windows_);
      }
    }
  }

  void backward(Run&) override {
    gradient_.run();
    const float share = 1.0F / static_cast<float>(total_windows_);
#pragma omp parallel for schedule(static)
    for (int n = 0; n < layout_.images; ++n) {
      for (int c = 0; c < layout_.blocks * layout_.block; ++c) {
        const bool padding = c >= layout_.channels;
        const float value =
            padding ? 0.0F : gradient_.first()[std::size_t(n) * layout_.channels + c] * share;
        float* channel = dx_ + channel_offset(n, c);
        for (std::size_t p = 0; p < layout_.pixels; ++p) {
          channel[p * layout_.block] = value * static_cast<float>(windows_[p]);
        }
      }
    }
  }

 private:
  std::size_t channel_offset(int n, int c) const {
    return layout_.offset(n, c / layout_.block) + c % layout_.block;
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

  int node_, input_;
  std::vector<double> windows_;  ///< by pixel
  double total_windows_ = 0;
  bool training_;
  BufferId source_ = -1, destination_ = -1;
  dnnl::memory::desc source_descriptor_;
  ChannelLayout layout_;
  GradientSum gradient_;
  GradientReordering source_gradient_;
  float *x_ = nullptr, *y_ = nullptr, *dx_ = nullptr;
};

}  // namespace

std::unique_ptr<Layer> make_global_average_pool(Builder& builder, int node) {
  return std::make_unique<GlobalAveragePool>(builder, node);
}

}  // namespace resnext::net::cpu
