#pragma once
// A Spec is what a model's name says: the paper's hyper-parameters of one network, nothing
// computed.

#include <string>
#include <string_view>
#include <vector>

namespace resnext::net {

/// The first layers: ImageNet's 7x7 stride-2 convolution and 3x3 max pool, or CIFAR's single 3x3.
enum class Stem { kImageNet, kCifar };

/// What a residual block computes beside its shortcut.
enum class Block {
  kBottleneck,  ///< 1x1, grouped 3x3, 1x1 (paper Figure 3)
  kBasic,       ///< two 3x3 (paper Figure 4: its C paths of width d are one dense path, C*d wide)
};

/// What joins a block's input to its output (He et al. 2015, section 4.1).
enum class Shortcut {
  kZeroPadding,     ///< A: identity; where the shape changes, subsampled and padded with zeros
  kProjection,      ///< B, the paper's: 1x1 convolution where the shape changes, else identity
  kAllProjections,  ///< C: a 1x1 convolution in every block
  kNone,            ///< a plain net (paper section 5.1, "Residual connections")
};

/// One network of the ResNe(X)t family (paper Table 1; CIFAR nets: section 5.3).
struct Spec {
  std::string name;  ///< as given, e.g. "resnext50_32x4d"
  Stem stem = Stem::kImageNet;
  Block block = Block::kBottleneck;
  Shortcut shortcut = Shortcut::kProjection;
  bool preactivation = false;         ///< batch-norm and ReLU before each convolution (He et al.
                                      ///< 2016), not after
  std::vector<int> blocks_per_stage;  ///< e.g. 3,4,6,3
  int cardinality = 1;                ///< C: number of paths, or groups of the 3x3 (1: ResNet)
  int bottleneck_width = 64;          ///< d: channels of one path in the first stage (plain
                                      ///< ResNet: the base width)
  int base_width = 64;                ///< what stage outputs are multiples of
  int stem_width = 64;                ///< channels of the first convolution

  /// Outputs of a stage per base width: 4 for bottlenecks, 1 for basic blocks.
  int expansion() const { return block == Block::kBottleneck ? 4 : 1; }
  /// Channels of all paths together in stage `stage` (0-based): C * d * 2^stage.
  int grouped_width(int stage) const { return (cardinality * bottleneck_width) << stage; }
  /// Channels of one path in stage `stage`: d * 2^stage.
  int path_width(int stage) const { return bottleneck_width << stage; }
  /// Output channels of stage `stage`: expansion * base_width * 2^stage.
  int output_width(int stage) const { return (expansion() * base_width) << stage; }
};

/// Reads a model name:
///   FAMILY DEPTH [_CxWd] [_basic] [_preact] [_cifar] [_wN] [_noshortcut | _shortcut_a | _c]
/// `resnet50`, `resnext50_32x4d` (ImageNet: 50, 101, 152 or 200 layers; 18 and 34 of basic blocks),
/// `resnext29_8x64d_cifar` (any depth 9n+2; `_basic`: 6n+2), `resnet200_preact`, `_w16` (base width
/// 16 instead of 64; any number); and the wide residual nets `wrn28_10_cifar` (depth 6n+4, widened
/// ten times). Throws std::invalid_argument that says in one line which part is wrong, with the
/// nearest known model name.
Spec parse_spec(std::string_view name);

/// What a network of this stem is usually fed and asked: 3x224x224 and 1000 classes, or CIFAR's
/// 3x32x32 and 10.
int usual_input_side(const Spec& spec);
int usual_classes(const Spec& spec);

/// Names that the documentation and error messages offer: every net of the paper, and a few more.
std::vector<std::string> known_model_names();

/// A known model and where the paper has it.
struct KnownModel {
  std::string name;
  std::string place;  ///< e.g. "Table 3"; empty: not in the paper
};
std::vector<KnownModel> known_models();

}  // namespace resnext::net
