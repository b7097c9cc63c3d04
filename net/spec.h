#pragma once
// A Spec is what a model's name says: the paper's hyper-parameters of one network, nothing
// computed.

#include <string>
#include <string_view>
#include <vector>

namespace resnext::net {

/// The first layers: ImageNet's 7x7 stride-2 convolution and 3x3 max pool, or CIFAR's single 3x3.
enum class Stem { kImageNet, kCifar };

/// One network of the ResNe(X)t family (paper Table 1; CIFAR nets: section 5.3).
struct Spec {
  std::string name;  ///< as given, e.g. "resnext50_32x4d"
  Stem stem = Stem::kImageNet;
  std::vector<int> blocks_per_stage;  ///< bottleneck blocks in each stage, e.g. 3,4,6,3
  int cardinality = 1;                ///< C: number of groups of the 3x3 convolution (1: ResNet)
  int bottleneck_width = 64;          ///< d: channels of one group in the first stage (plain
                                      ///< ResNet: the base width)
  int base_width = 64;                ///< stem channels; stage s has 4 * base_width * 2^s outputs

  /// Channels of the grouped 3x3 convolution in stage `stage` (0-based): C * d * 2^stage.
  int grouped_width(int stage) const { return (cardinality * bottleneck_width) << stage; }
  /// Output channels of stage `stage` (0-based): 4 * base_width * 2^stage.
  int output_width(int stage) const { return (4 * base_width) << stage; }
};

/// Reads a model name: `resnet50`, `resnet101_1x100d`, `resnext50_32x4d` (50, 101 or 152 layers),
/// `resnet29_cifar`, `resnext29_8x64d_cifar` (any depth 9n+2), each optionally with `_w16` last
/// (base width 16 instead of 64; any number). Throws std::invalid_argument that says in one line
/// which part is wrong, with the nearest known model name.
Spec parse_spec(std::string_view name);

/// Names that the documentation and error messages offer.
std::vector<std::string> known_model_names();

}  // namespace resnext::net
