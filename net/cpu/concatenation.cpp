#include "net/cpu/concatenation.h"

#include <cstring>

#include "net/cpu/value_reader.h"

namespace resnext::net::cpu {
namespace {

/// One of the inputs, and where its channels lie in a pixel of the output.
struct Part {
  int node = -1;
  std::size_t offset = 0, bytes = 0;  ///< of a pixel
  ValueReader source;
  BufferId gradient = -1;
  std::byte* gradient_values = nullptr;
};

class Concatenation final : public Layer {
 public:
  Concatenation(Builder& builder, int node)
      : node_(node),
        pixels_(builder.pixels_of(node)),
        pixel_bytes_(builder.graph.nodes[node].output.channels * bytes_of(builder.precision)),
        training_(builder.training) {
    std::size_t offset = 0;
    for (const int input : builder.graph.nodes[node].inputs) {
      Part& part = parts_.emplace_back();
      part.node = input;
      part.offset = offset;
      part.bytes = builder.graph.nodes[input].output.channels * bytes_of(builder.precision);
      part.source = ValueReader(builder, input);
      offset += part.bytes;
    }
    output_ = builder.add_activation(node);
    builder.values[node] = {node, output_, builder.precision};
  }

  void plan_backward(Builder& builder) override {
    gradient_ = GradientSum(builder, node_);
    for (Part& part : parts_) {
      part.gradient = builder.add_activation(part.node);
      builder.add_gradient(part.node, part.gradient);
    }
  }

  void bind(const Placement& placement) override {
    values_ = placement.address(output_);
    for (Part& part : parts_) {
      part.source.bind(placement);
      part.gradient_values = placement.address(part.gradient);
    }
    if (training_) gradient_.bind(placement);
  }

  void forward(Run&) override {
    for (const Part& part : parts_) {
      const auto* from = static_cast<const std::byte*>(part.source.values());
      for (int p = 0; p < pixels_; ++p) {
        std::memcpy(values_ + p * pixel_bytes_ + part.offset, from + p * part.bytes, part.bytes);
      }
    }
  }

  void backward(Run&) override {
    gradient_.run();
    const auto* from = static_cast<const std::byte*>(gradient_.target());
    for (const Part& part : parts_) {
      for (int p = 0; p < pixels_; ++p) {
        std::memcpy(part.gradient_values + p * part.bytes, from + p * pixel_bytes_ + part.offset,
                    part.bytes);
      }
    }
  }

 private:
  int node_, pixels_;
  std::size_t pixel_bytes_;
  bool training_;
  std::vector<Part> parts_;
  BufferId output_ = -1;
  GradientSum gradient_;
  std::byte* values_ = nullptr;
};

}  // namespace

std::unique_ptr<Layer> make_concatenation(Builder& builder, int node) {
  return std::make_unique<Concatenation>(builder, node);
}

}  // namespace resnext::net::cpu
