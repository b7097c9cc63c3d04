#include "net/cpu/input.h"

#include <algorithm>
#include <array>
#include <stdexcept>

#include "net/cpu/channel_layout.h"

namespace resnext::net::cpu {
namespace {

class Input final : public Layer {
 public:
  Input(Builder& builder, int node, const Normalisation& normalisation)
      : shape_(builder.graph.nodes[node].output), images_(builder.batch_size) {
    const auto descriptor =
        activation_descriptor(builder.dims(node), dnnl::memory::format_tag::nchw);
    buffer_ = builder.add_buffer(descriptor);
    builder.values[node] = {descriptor, buffer_};
    if (normalisation.mean.empty()) return;  // every batch comes normalised
    tables_.resize(shape_.channels);
    for (int c = 0; c < shape_.channels; ++c) {
      for (int value = 0; value < 256; ++value) {
        const double intensity = value / 255.0;
        tables_[c][value] = static_cast<float>((intensity - normalisation.mean.at(c)) /
                                               normalisation.deviation.at(c));
      }
    }
  }

  void plan_backward(Builder&) override {}

  void bind(const Placement& placement, const dnnl::engine&) override {
    values_ = placement.floats(buffer_);
  }

  void forward(Run& run) override {
    if (!run.batch.normalised.empty()) {
      std::copy(run.batch.normalised.begin(), run.batch.normalised.end(), values_);
      return;
    }
    if (tables_.empty()) {
      throw std::invalid_argument("an engine without normalisation takes normalised images only");
    }
    const std::size_t pixels = std::size_t(shape_.height) * shape_.width;
#pragma omp parallel for schedule(static)
    for (int n = 0; n < images_; ++n) {
      const std::uint8_t* source = run.batch.pixels.data() + n * shape_.count();
      for (int c = 0; c < shape_.channels; ++c) {
        float* plane = values_ + n * shape_.count() + c * pixels;
        for (std::size_t p = 0; p < pixels; ++p) {
          plane[p] = tables_[c][source[p * shape_.channels + c]];
        }
      }
    }
  }

  void backward(Run&) override {}

 private:
  Shape shape_;
  int images_;
  std::vector<std::array<float, 256>> tables_;  ///< by channel: normalised value of each intensity
  BufferId buffer_ = -1;
  float* values_ = nullptr;
};

}  // namespace

std::unique_ptr<Layer> make_input(Builder& builder, int node, const Normalisation& normalisation) {
  return std::make_unique<Input>(builder, node, normalisation);
}

}  // namespace resnext::net::cpu
