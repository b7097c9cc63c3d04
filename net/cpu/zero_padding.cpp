#include "net/cpu/zero_padding.h"

#include <algorithm>

#include "net/cpu/channel_layout.h"
#include "net/cpu/reordering.h"

namespace resnext::net::cpu {
namespace {

class ZeroPadding final : public Layer {
 public:
  ZeroPadding(Builder& builder, int node)
      : node_(node),
        input_(builder.graph.nodes[node].inputs[0]),
        stride_(builder.graph.nodes[node].window.stride),
        images_(builder.batch_size),
        from_(builder.graph.nodes[input_].output),
        to_(builder.graph.nodes[node].output),
        plain_(activation_descriptor(builder.dims(input_), dnnl::memory::format_tag::nchw)),
        source_(builder, input_, plain_),
        training_(builder.training) {
    const auto descriptor =
        activation_descriptor(builder.dims(node), dnnl::memory::format_tag::nchw);
    destination_ = builder.add_buffer(descriptor);
    builder.values[node] = {descriptor, destination_};
  }

  void plan_backward(Builder& builder) override {
    gradient_ = GradientSum(builder, node_);
    source_gradient_ = GradientReordering(builder, input_, plain_);
  }

  void bind(const Placement& placement, const dnnl::engine& engine) override {
    source_.bind(placement, engine);
    x_ = static_cast<const float*>(source_.memory().get_data_handle());
    y_ = placement.floats(destination_);
    if (!training_) return;
    gradient_.bind(placement);
    source_gradient_.bind(placement, engine);
    dx_ = static_cast<float*>(source_gradient_.memory().get_data_handle());
  }

  void forward(Run& run) override {
    source_.forward(run);
    std::fill_n(y_, images_ * to_.count(), 0.0F);
    for_each_kept([&](std::size_t from, std::size_t to) { y_[to] = x_[from]; });
  }

  void backward(Run& run) override {
    gradient_.run();
    std::fill_n(dx_, images_ * from_.count(), 0.0F);
    for_each_kept([&](std::size_t from, std::size_t to) { dx_[from] = gradient_.first()[to]; });
    source_gradient_.backward(run);
  }

 private:
  /// Calls `body(input position, output position)` for every value that is passed on.
  template <typename Body>
  void for_each_kept(const Body& body) const {
#pragma omp parallel for schedule(static)
    for (int n = 0; n < images_; ++n) {
      for (int c = 0; c < from_.channels; ++c) {
        for (int y = 0; y < to_.height; ++y) {
          for (int x = 0; x < to_.width; ++x) {
            body(position(from_, n, c, y * stride_, x * stride_), position(to_, n, c, y, x));
          }
        }
      }
    }
  }

  static std::size_t position(const Shape& shape, int n, int c, int y, int x) {
    return ((std::size_t(n) * shape.channels + c) * shape.height + y) * shape.width + x;
  }

  int node_, input_, stride_, images_;
  Shape from_, to_;
  dnnl::memory::desc plain_;  ///< of the input, row-major
  SourceReordering source_;
  bool training_;
  BufferId destination_ = -1;
  GradientSum gradient_;
  GradientReordering source_gradient_;
  const float* x_ = nullptr;
  float *y_ = nullptr, *dx_ = nullptr;
};

}  // namespace

std::unique_ptr<Layer> make_zero_padding(Builder& builder, int node) {
  return std::make_unique<ZeroPadding>(builder, node);
}

}  // namespace resnext::net::cpu
