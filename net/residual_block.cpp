#include "net/residual_block.h"

#include <fmt/format.h>

namespace resnext::net {
namespace {

class BlockBuilder {
 public:
  BlockBuilder(GraphBuilder& builder, BlockPosition position)
      : builder_(builder),
        spec_(builder.graph().spec),
        form_(builder.graph().options.form),
        position_(position),
        prefix_(fmt::format("layer{}.{}.", position.stage + 1, position.block)),
        stride_(position.stage > 0 && position.block == 0 ? 2 : 1),
        outputs_(spec_.output_width(position.stage)) {}

  int build(int input) {
    if (spec_.preactivation) return build_preactivated(input);
    int last = aggregated_transformation(input);
    const auto gamma =
        builder_.graph().options.zero_last_gamma ? Initialisation::kZero : Initialisation::kOne;
    last = builder_.batch_norm(prefix_ + norm_name(convolutions() + 1), last, gamma);
    if (spec_.shortcut != Shortcut::kNone) {
      last = builder_.sum(prefix_ + "add", last, shortcut(input));
    }
    return builder_.relu(prefix_ + fmt::format("relu{}", convolutions()), last);
  }

 private:
  /// The first batch-norm and ReLU are shared with a projection, which must see the same scale; an
  /// identity leaves them to the block's own branch. The first block after the ImageNet stem needs
  /// none, for the stem has ended in them.
  int build_preactivated(int input) {
    const bool activated =
        spec_.stem == Stem::kImageNet && position_.stage == 0 && position_.block == 0;
    int active = input;
    if (!activated) active = activation(prefix_, 1, input);
    const int last = aggregated_transformation(active);
    if (spec_.shortcut == Shortcut::kNone) return last;
    return builder_.sum(prefix_ + "add", last, shortcut(is_identity(input) ? input : active));
  }

  bool is_identity(int input) const {
    return spec_.shortcut != Shortcut::kAllProjections && stride_ == 1 &&
           builder_.shape_of(input).channels == outputs_;
  }

  int shortcut(int input) {
    if (is_identity(input)) return input;
    if (spec_.shortcut == Shortcut::kZeroPadding) {
      return builder_.zero_padding(prefix_ + "downsample", input, outputs_, stride_);
    }
    const int projected =
        builder_.convolution(prefix_ + "downsample.0", input, outputs_, {.stride = stride_});
    // He et al. 2016: a pre-activated net has no batch-norm on its shortcuts.
    return spec_.preactivation ? projected
                               : builder_.batch_norm(prefix_ + "downsample.1", projected);
  }

  /// The sum of C transformations of one topology (Eqn 2), in the form asked for. Without what
  /// follows the sum.
  int aggregated_transformation(int input) {
    const int paths = spec_.cardinality;
    const int path_width = spec_.path_width(position_.stage);
    if (form_ == BlockForm::kGroupedConvolution) {
      return last_convolution(prefix_, all_but_last(prefix_, input, paths * path_width, paths));
    }
    std::vector<int> ends;
    for (int path = 0; path < paths; ++path) {
      const std::string prefix = fmt::format("{}paths.{}.", prefix_, path);
      ends.push_back(all_but_last(prefix, input, path_width, 1));
      if (form_ == BlockForm::kSeparatePaths) ends.back() = last_convolution(prefix, ends.back());
    }
    if (form_ == BlockForm::kEarlyConcatenation) {
      return last_convolution(prefix_, builder_.concatenation(prefix_ + "concat", ends));
    }
    int total = ends.front();
    for (int path = 1; path < paths; ++path) {
      total = builder_.sum(fmt::format("{}paths.{}.add", prefix_, path), total, ends[path]);
    }
    return total;
  }

  /// A bottleneck's 1x1 and grouped 3x3, or a basic block's first 3x3, each with its batch-norm and
  /// ReLU. Stride 2 sits in the 3x3.
  int all_but_last(const std::string& prefix, int input, int width, int groups) {
    const Window k3x3{.kernel = 3, .stride = stride_, .padding = 1};
    int last = input;
    if (spec_.block == Block::kBasic) {
      last = builder_.convolution(prefix + "conv1", last, width, k3x3);
      return activation(prefix, 2, last);
    }
    last = builder_.convolution(prefix + "conv1", last, width, {});
    last = activation(prefix, 2, last);
    last = builder_.convolution(prefix + "conv2", last, width, k3x3, groups);
    return activation(prefix, 3, last);
  }

  int last_convolution(const std::string& prefix, int input) {
    const Window window =
        spec_.block == Block::kBasic ? Window{.kernel = 3, .padding = 1} : Window{};
    return builder_.convolution(fmt::format("{}conv{}", prefix, convolutions()), input, outputs_,
                                window);
  }

  /// Batch-norm and ReLU before convolution `next`; they are numbered by the convolution that they
  /// follow, or with pre-activation by the one that they precede.
  int activation(const std::string& prefix, int next, int input) {
    const int norm = builder_.batch_norm(prefix + norm_name(next), input);
    return builder_.relu(fmt::format("{}relu{}", prefix, number(next)), norm);
  }

  int number(int next) const { return spec_.preactivation ? next : next - 1; }
  std::string norm_name(int next) const { return fmt::format("bn{}", number(next)); }
  int convolutions() const { return spec_.block == Block::kBasic ? 2 : 3; }

  GraphBuilder& builder_;
  const Spec& spec_;
  const BlockForm form_;
  const BlockPosition position_;
  const std::string prefix_;
  const int stride_;
  const int outputs_;
};

}  // namespace

int append_residual_block(GraphBuilder& builder, BlockPosition position, int input) {
  return BlockBuilder(builder, position).build(input);
}

}  // namespace resnext::net
