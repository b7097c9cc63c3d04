#include "net/graph.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "net/graph_builder.h"
#include "net/residual_block.h"

namespace resnext::net {
namespace {

constexpr int kMaxInputSide = 4096;  // so that no count below can overflow
constexpr int kMaxInputChannels = 1024;

int total_stride(const Spec& spec) {
  const int stem = spec.stem == Stem::kImageNet ? 4 : 1;
  return stem << (spec.blocks_per_stage.size() - 1);
}

void check_sizes(const Spec& spec, const Shape& input, int classes) {
  const std::string size = fmt::format("{}x{}x{}", input.height, input.width, input.channels);
  const int smallest = total_stride(spec);
  if (input.channels < 1 || input.channels > kMaxInputChannels) {
    throw std::invalid_argument(fmt::format("{}: an input of {} (HxWxC) has not 1 to {} channels",
                                            spec.name, size, kMaxInputChannels));
  }
  if (std::min(input.height, input.width) < smallest) {
    throw std::invalid_argument(
        fmt::format("{}: an input of {} (HxWxC) is too small; its strides need at least {}x{}",
                    spec.name, size, smallest, smallest));
  }
  if (std::max(input.height, input.width) > kMaxInputSide) {
    throw std::invalid_argument(
        fmt::format("{}: an input of {} (HxWxC) is too large; at most {}x{}", spec.name, size,
                    kMaxInputSide, kMaxInputSide));
  }
  if (classes < 1) {
    throw std::invalid_argument(
        fmt::format("{}: the number of classes must be positive, not {}", spec.name, classes));
  }
}

void check_options(const Spec& spec, const GraphOptions& options) {
  if (options.label_smoothing < 0 || options.label_smoothing >= 1) {
    throw std::invalid_argument(fmt::format("a label smoothing of {} is not at least 0 and below 1",
                                            options.label_smoothing));
  }
  if (options.zero_last_gamma && spec.preactivation) {
    throw std::invalid_argument(fmt::format(
        "{}: a pre-activated net has no batch-norm at the end of its blocks to start at zero",
        spec.name));
  }
}

int append_stem(GraphBuilder& builder, int input) {
  const Spec& spec = builder.graph().spec;
  const bool imagenet = spec.stem == Stem::kImageNet;
  const Window window = imagenet ? Window{.kernel = 7, .stride = 2, .padding = 3}
                                 : Window{.kernel = 3, .stride = 1, .padding = 1};
  builder.begin_stage("conv1");
  int last = builder.convolution("conv1", input, spec.stem_width, window);
  // A pre-activated block begins with what would stand here; only the pool needs it earlier.
  if (spec.preactivation && !imagenet) return last;
  last = builder.batch_norm("bn1", last);
  last = builder.relu("relu", last);
  if (!imagenet) return last;
  builder.begin_stage("conv2");
  return builder.max_pool("maxpool", last, {.kernel = 3, .stride = 2, .padding = 1});
}

void append_head(GraphBuilder& builder, int input) {
  int last = input;
  if (builder.graph().spec.preactivation) {
    last = builder.batch_norm("bn_last", last);
    last = builder.relu("relu_last", last);
  }
  builder.begin_stage("head");
  last = builder.global_average_pool("avgpool", last);
  last = builder.linear("fc", last, builder.graph().classes);
  builder.loss("loss", last);
}

}  // namespace

Graph build_graph(const Spec& spec, Shape input, int classes, const GraphOptions& options) {
  check_sizes(spec, input, classes);
  check_options(spec, options);
  GraphBuilder builder(spec, input, classes, options);
  int last = append_stem(builder, builder.input());
  for (int stage = 0; stage < static_cast<int>(spec.blocks_per_stage.size()); ++stage) {
    builder.begin_stage(fmt::format("conv{}", stage + 2));
    for (int block = 0; block < spec.blocks_per_stage[std::size_t(stage)]; ++block) {
      last = append_residual_block(builder, {stage, block}, last);
    }
  }
  append_head(builder, last);
  return builder.finish();
}

}  // namespace resnext::net
