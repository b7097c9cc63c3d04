#include "net/cpu/input.h"

#include <array>
#include <stdexcept>

#include "net/cpu/thread_team.h"

namespace resnext::net::cpu {
namespace {

class Input final : public Layer {
 public:
  Input(Builder& builder, int node, const Normalisation& normalisation)
      : shape_(builder.graph.nodes[node].output),
        images_(builder.batch_size),
        threads_(builder.threads),
        precision_(builder.precision),
        output_(builder.add_activation(node)) {
    builder.values[node] = {node, output_, precision_};
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

  void bind(const Placement& placement) override {
    values_ = {placement.address(output_), precision_};
  }

  void forward(Run& run) override {
    const bool normalised = !run.batch.normalised.empty();
    if (!normalised && tables_.empty()) {
      throw std::invalid_argument("an engine without normalisation takes normalised images only");
    }
    on_each_thread(threads_, [&](int thread) {
      const Share share = share_of(images_, thread, threads_);
      for (int n = share.first; n < share.end; ++n) {
        if (normalised) {
          turn_image(run.batch.normalised.data() + n * shape_.count(), n);
        } else {
          normalise_image(run.batch.pixels.data() + n * shape_.count(), n);
        }
      }
    });
  }

  void backward(Run&) override {}

 private:
  void normalise_image(const std::uint8_t* pixels, int n) const {
    std::size_t at = n * shape_.count();
    for (std::size_t p = 0; p < std::size_t(shape_.height) * shape_.width; ++p) {
      for (int c = 0; c < shape_.channels; ++c) values_.set(at++, tables_[c][*pixels++]);
    }
  }

  /// From planes to channels last.
  void turn_image(const float* planes, int n) const {
    const std::size_t pixels = std::size_t(shape_.height) * shape_.width;
    std::size_t at = n * shape_.count();
    for (std::size_t p = 0; p < pixels; ++p) {
      for (int c = 0; c < shape_.channels; ++c) values_.set(at++, planes[c * pixels + p]);
    }
  }

  Shape shape_;
  int images_, threads_;
  Precision precision_;
  BufferId output_;
  std::vector<std::array<float, 256>> tables_;  ///< by channel: normalised value of each intensity
  StoredValues values_;
};

}  // namespace

std::unique_ptr<Layer> make_input(Builder& builder, int node, const Normalisation& normalisation) {
  return std::make_unique<Input>(builder, node, normalisation);
}

}  // namespace resnext::net::cpu
