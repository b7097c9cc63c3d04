#include "net/cpu/input.h"

#include <array>
#include <stdexcept>

#include "net/cpu/recomputed.h"
#include "net/cpu/thread_team.h"

namespace resnext::net::cpu {
namespace {

class Input final : public Layer, public Recomputed {
 public:
  Input(Builder& builder, int node, const Normalisation& normalisation)
      : shape_(builder.graph.nodes[node].output),
        images_(builder.batch_size),
        threads_(builder.threads),
        precision_(builder.precision),
        node_(node),
        output_(builder.add_activation(node)) {
    builder.values[node] = {node, output_, precision_};
    if (builder.training) builder.recomputed[node] = this;
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

  BufferId plan_recomputation(Builder& builder) override {
    recomputed_ = builder.add_activation(node_);
    return recomputed_;
  }

  void bind(const Placement& placement) override {
    values_ = {placement.address(output_), precision_};
    values_again_ = {placement.address(recomputed_), precision_};
  }

  void forward(Run& run) override { convert(run.batch, values_); }
  void recompute(Run& run) override { convert(run.batch, values_again_); }
  void backward(Run&) override {}

 private:
  void convert(const Batch& batch, const StoredValues& values) const {
    const bool normalised = !batch.normalised.empty();
    if (!normalised && tables_.empty()) {
      throw std::invalid_argument("an engine without normalisation takes normalised images only");
    }
    on_each_thread(threads_, [&](int thread) {
      const Share share = share_of(images_, thread, threads_);
      for (int n = share.first; n < share.end; ++n) {
        const std::size_t first = n * shape_.count();
        if (normalised) {
          turn_image(batch.normalised.data() + first, values, first);
        } else {
          normalise_image(batch.pixels.data() + first, values, first);
        }
      }
    });
  }

  void normalise_image(const std::uint8_t* pixels, const StoredValues& to, std::size_t at) const {
    for (std::size_t p = 0; p < std::size_t(shape_.height) * shape_.width; ++p) {
      for (int c = 0; c < shape_.channels; ++c) to.set(at++, tables_[c][*pixels++]);
    }
  }

  /// From planes to channels last.
  void turn_image(const float* planes, const StoredValues& to, std::size_t at) const {
    const std::size_t pixels = std::size_t(shape_.height) * shape_.width;
    for (std::size_t p = 0; p < pixels; ++p) {
      for (int c = 0; c < shape_.channels; ++c) to.set(at++, planes[c * pixels + p]);
    }
  }

  Shape shape_;
  int images_, threads_;
  Precision precision_;
  int node_;
  BufferId output_, recomputed_ = -1;
  std::vector<std::array<float, 256>> tables_;  ///< by channel: normalised value of each intensity
  StoredValues values_, values_again_;
};

}  // namespace

std::unique_ptr<Layer> make_input(Builder& builder, int node, const Normalisation& normalisation) {
  return std::make_unique<Input>(builder, node, normalisation);
}

}  // namespace resnext::net::cpu
