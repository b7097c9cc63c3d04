#include "net/cpu/concatenation.h"

#include <algorithm>

#include "net/cpu/channel_layout.h"
#include "net/cpu/reordering.h"

namespace resnext::net::cpu {
namespace {

/// One of the inputs, row-major, and where its channels lie in an image of the output.
struct Part {
  int node = -1;
  std::size_t offset = 0, count = 0;  ///< values
  dnnl::memory::desc plain;
  SourceReordering source;
  GradientReordering gradient;
};

float* values(const dnnl::memory& memory) {
  return static_cast<float*>(memory.get_data_handle());
}

class Concatenation final : public Layer {
 public:
  Concatenation(Builder& builder, int node)
      : node_(node),
        images_(builder.batch_size),
        image_values_(builder.graph.nodes[node].output.count()),
        training_(builder.training) {
    std::size_t offset = 0;
    for (const int input : builder.graph.nodes[node].inputs) {
      Part& part = parts_.emplace_back();
      part.node = input;
      part.offset = offset;
      part.count = builder.graph.nodes[input].output.count();
      part.plain = activation_descriptor(builder.dims(input), dnnl::memory::format_tag::nchw);
      part.source = SourceReordering(builder, input, part.plain);
      offset += part.count;
    }
    const auto descriptor =
        activation_descriptor(builder.dims(node), dnnl::memory::format_tag::nchw);
    destination_ = builder.add_buffer(descriptor);
    builder.values[node] = {descriptor, destination_};
  }

  void plan_backward(Builder& builder) override {
    gradient_ = GradientSum(builder, node_);
    for (Part& part : parts_) part.gradient = GradientReordering(builder, part.node, part.plain);
  }

  void bind(const Placement& placement, const dnnl::engine& engine) override {
    y_ = placement.floats(destination_);
    for (Part& part : parts_) part.source.bind(placement, engine);
    if (!training_) return;
    gradient_.bind(placement);
    for (Part& part : parts_) part.gradient.bind(placement, engine);
  }

  void forward(Run& run) override {
    for (Part& part : parts_) part.source.forward(run);
    run.stream.wait();
    for (const Part& part : parts_) {
      for (int n = 0; n < images_; ++n) {
        std::copy_n(values(part.source.memory()) + n * part.count, part.count,
                    y_ + n * image_values_ + part.offset);
      }
    }
  }

  void backward(Run& run) override {
    gradient_.run();
    for (Part& part : parts_) {
      for (int n = 0; n < images_; ++n) {
        std::copy_n(gradient_.first() + n * image_values_ + part.offset, part.count,
                    values(part.gradient.memory()) + n * part.count);
      }
      part.gradient.backward(run);
    }
  }

 private:
  int node_, images_;
  std::size_t image_values_;
  bool training_;
  std::vector<Part> parts_;
  BufferId destination_ = -1;
  GradientSum gradient_;
  float* y_ = nullptr;
};

}  // namespace

std::unique_ptr<Layer> make_concatenation(Builder& builder, int node) {
  return std::make_unique<Concatenation>(builder, node);
}

}  // namespace resnext::net::cpu
