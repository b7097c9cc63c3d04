#include "net/cpu/zero_padding.h"

#include <cstring>

#include "net/cpu/thread_team.h"
#include "net/cpu/value_reader.h"

namespace resnext::net::cpu {
namespace {

class ZeroPadding final : public Layer {
 public:
  ZeroPadding(Builder& builder, int node)
      : node_(node),
        input_node_(builder.graph.nodes[node].inputs[0]),
        stride_(builder.graph.nodes[node].window.stride),
        images_(builder.batch_size),
        threads_(builder.threads),
        value_bytes_(bytes_of(builder.precision)),
        from_(builder.graph.nodes[input_node_].output),
        to_(builder.graph.nodes[node].output),
        source_(builder, input_node_),
        training_(builder.training) {
    output_ = builder.add_activation(node);
    builder.values[node] = {node, output_, builder.precision};
  }

  void plan_backward(Builder& builder) override {
    gradient_ = GradientSum(builder, node_);
    input_gradient_ = builder.add_activation(input_node_);
    builder.add_gradient(input_node_, input_gradient_);
  }

  void bind(const Placement& placement) override {
    source_.bind(placement);
    values_ = placement.address(output_);
    gradient_values_ = placement.address(input_gradient_);
    if (training_) gradient_.bind(placement);
  }

  void forward(Run&) override {
    const auto* source = static_cast<const std::byte*>(source_.values());
    std::memset(values_, 0, images_ * to_.count() * value_bytes_);
    for_each_kept([&](std::size_t from, std::size_t to) {
      std::memcpy(values_ + to, source + from, from_.channels * value_bytes_);
    });
  }

  void backward(Run&) override {
    gradient_.run();
    const auto* gradient = static_cast<const std::byte*>(gradient_.target());
    std::memset(gradient_values_, 0, images_ * from_.count() * value_bytes_);
    for_each_kept([&](std::size_t from, std::size_t to) {
      std::memcpy(gradient_values_ + from, gradient + to, from_.channels * value_bytes_);
    });
  }

 private:
  /// Calls `body(input position, output position)`, in bytes, for every pixel that is passed on.
  template <typename Body>
  void for_each_kept(const Body& body) const {
    on_each_thread(threads_, [&](int thread) {
      const Share share = share_of(images_ * to_.height, thread, threads_);
      for (int row = share.first; row < share.end; ++row) {
        const int n = row / to_.height, y = row % to_.height;
        for (int x = 0; x < to_.width; ++x) {
          body(position(from_, n, y * stride_, x * stride_), position(to_, n, y, x));
        }
      }
    });
  }

  std::size_t position(const Shape& shape, int n, int y, int x) const {
    const std::size_t pixel = (std::size_t(n) * shape.height + y) * shape.width + x;
    return pixel * shape.channels * value_bytes_;
  }

  int node_, input_node_, stride_, images_, threads_;
  std::size_t value_bytes_;
  Shape from_, to_;
  ValueReader source_;
  bool training_;
  BufferId output_ = -1, input_gradient_ = -1;
  GradientSum gradient_;
  std::byte* values_ = nullptr;
  std::byte* gradient_values_ = nullptr;
};

}  // namespace

std::unique_ptr<Layer> make_zero_padding(Builder& builder, int node) {
  return std::make_unique<ZeroPadding>(builder, node);
}

}  // namespace resnext::net::cpu
