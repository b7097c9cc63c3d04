#include "net/spec.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "cli/nearest_name.h"

namespace resnext::net {
namespace {

// Far above every published net, and low enough that no count of channels, parameters or
// multiply-adds of an accepted name can overflow.
constexpr int kMaxGroupedWidth = 4096;
constexpr int kMaxBaseWidth = 1024;
constexpr int kMaxCifarDepth = 1001;
constexpr int kCifarStages = 3;
constexpr int kWideBase = 16;  // stem channels of a wide residual net
constexpr std::size_t kMaxNameLength = 64;

/// Depth and blocks a stage of the ImageNet nets (He et al. 2015, Table 1; 200: He et al. 2016).
struct ImageNetDepth {
  int depth;
  Block block;
  std::array<int, 4> blocks;
};
constexpr ImageNetDepth kImageNetDepths[] = {
    {18, Block::kBasic, {2, 2, 2, 2}},        {34, Block::kBasic, {3, 4, 6, 3}},
    {50, Block::kBottleneck, {3, 4, 6, 3}},   {101, Block::kBottleneck, {3, 4, 23, 3}},
    {152, Block::kBottleneck, {3, 8, 36, 3}}, {200, Block::kBottleneck, {3, 24, 36, 3}},
};

/// The name as an error message may show it: one line, not too long.
std::string shown(std::string_view name) {
  std::string text(name.substr(0, kMaxNameLength));
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return name.size() > kMaxNameLength ? text + "..." : text;
}

std::string suggestion(std::string_view name) {
  const std::string hint = cli::did_you_mean(name.substr(0, kMaxNameLength), known_model_names());
  return hint.empty() ? "; known names are 'resnext50_32x4d' and those of resnext-info --list"
                      : hint;
}

/// Reads a name from left to right; every complaint names the whole name and the wrong part.
class NameParser {
 public:
  explicit NameParser(std::string_view name) : name_(name), rest_(name) {}

  Spec parse() {
    if (name_.size() > kMaxNameLength) fail("it is too long to be a model name");
    spec_.name = name_;
    if (take("wrn")) {
      parse_wide_residual();
    } else {
      parse_residual();
    }
    parse_shortcut();
    if (!rest_.empty()) fail_at_rest();
    set_stages();
    return std::move(spec_);
  }

 private:
  void parse_residual() {
    const bool grouped = parse_family();
    depth_ = parse_number("the depth", 1'000'000);
    const std::optional<int> width = parse_groups(grouped);
    if (take("_basic")) spec_.block = Block::kBasic;
    spec_.preactivation = take("_preact");
    if (take("_cifar")) spec_.stem = Stem::kCifar;
    if (take("_w")) spec_.base_width = parse_number("the base width after '_w'", kMaxBaseWidth);
    spec_.stem_width = spec_.base_width;
    spec_.bottleneck_width = width.value_or(spec_.base_width);
  }

  /// Zagoruyko and Komodakis 2016: WRN-depth-k, pre-activated basic blocks of k times 16 channels.
  void parse_wide_residual() {
    depth_ = parse_number("the depth", 1'000'000);
    if (!take("_")) fail("after its depth a wrn needs '_K', how many times it is wider: '_10'");
    const int widening = parse_number("the widening factor", kMaxBaseWidth / kWideBase);
    if (!take("_cifar")) fail("a wrn is a CIFAR net: '_cifar' must follow");
    spec_.stem = Stem::kCifar;
    spec_.block = Block::kBasic;
    spec_.preactivation = true;
    layers_outside_blocks_ = 4;  // its projections count, too
    spec_.stem_width = kWideBase;
    spec_.base_width = spec_.bottleneck_width = kWideBase * widening;
  }

  void parse_shortcut() {
    if (take("_noshortcut")) {
      spec_.shortcut = Shortcut::kNone;
    } else if (take("_shortcut_a")) {
      spec_.shortcut = Shortcut::kZeroPadding;
    } else if (take("_shortcut_c")) {
      spec_.shortcut = Shortcut::kAllProjections;
    } else if (rest_.starts_with("_shortcut_b")) {
      fail("shortcuts of type B are what a name without '_shortcut' has");
    }
  }

  /// True for resnext, false for resnet.
  bool parse_family() {
    if (take("resnext")) return true;
    if (take("resnet")) return false;
    fail("it must begin with 'resnet', 'resnext' or 'wrn'");
  }

  /// `_CxWd`: sets the cardinality and returns the width, or nothing for a plain ResNet.
  std::optional<int> parse_groups(bool grouped) {
    const bool present = rest_.size() > 1 && rest_[0] == '_' && rest_[1] >= '0' && rest_[1] <= '9';
    if (!present && grouped) fail("after its depth a resnext needs '_CxWd', e.g. '_32x4d'");
    if (!present) return std::nullopt;
    take("_");
    spec_.cardinality = parse_number("the cardinality", kMaxGroupedWidth);
    if (!take("x")) fail("an 'x' must follow the cardinality, as in '_32x4d'");
    const int width = parse_number("the bottleneck width", kMaxGroupedWidth);
    if (!take("d")) fail("a 'd' must follow the bottleneck width, as in '_32x4d'");
    if (!grouped && spec_.cardinality != 1) {
      fail(fmt::format("a resnet has cardinality 1, not {}: call it 'resnext'", spec_.cardinality));
    }
    if (spec_.cardinality * width > kMaxGroupedWidth) {
      fail(fmt::format("cardinality {} times width {} is more than {} channels", spec_.cardinality,
                       width, kMaxGroupedWidth));
    }
    return width;
  }

  void set_stages() {
    if (spec_.stem == Stem::kCifar) {
      set_cifar_stages();
    } else if (spec_.block == Block::kBasic) {
      fail("'_basic' is for CIFAR nets; those of 18 and 34 layers are basic anyway");
    } else {
      set_imagenet_stages();
    }
  }

  /// Three stages of n blocks.
  void set_cifar_stages() {
    const int per_n = kCifarStages * (spec_.block == Block::kBasic ? 2 : 3);
    const int rest = layers_outside_blocks_;
    if (depth_ < per_n + rest || depth_ > kMaxCifarDepth || (depth_ - rest) % per_n != 0) {
      fail(fmt::format(
          "the depth of such a CIFAR net is {0}n+{1} ({2}, {3}, {4}, ... up to {5}), "
          "not {6}",
          per_n, rest, per_n + rest, 2 * per_n + rest, 3 * per_n + rest, kMaxCifarDepth, depth_));
    }
    spec_.blocks_per_stage.assign(kCifarStages, (depth_ - rest) / per_n);
  }

  void set_imagenet_stages() {
    for (const ImageNetDepth& known : kImageNetDepths) {
      if (known.depth != depth_) continue;
      spec_.block = known.block;
      spec_.blocks_per_stage.assign(known.blocks.begin(), known.blocks.end());
      return;
    }
    fail(
        fmt::format("the depth of an ImageNet net is 18, 34, 50, 101, 152 or 200, not {}", depth_));
  }

  bool take(std::string_view prefix) {
    if (!rest_.starts_with(prefix)) return false;
    rest_.remove_prefix(prefix.size());
    return true;
  }

  /// A number in [1, largest], without leading zeros: '08' would be a second name for '8'.
  int parse_number(std::string_view what, int largest) {
    int value = 0;
    const char* const end = rest_.data() + rest_.size();
    const auto [stop, error] = std::from_chars(rest_.data(), end, value);
    const std::string digits(rest_.data(), stop);
    if (digits.empty()) fail(fmt::format("{} must be a number", what));
    if (digits.front() == '-' || digits.front() == '0') {
      fail(fmt::format("{} must be a positive number without leading zeros, not '{}'", what,
                       digits));
    }
    if (error != std::errc() || value > largest) {
      fail(fmt::format("{} must be at most {}, not {}", what, largest, digits));
    }
    rest_.remove_prefix(digits.size());
    return value;
  }

  [[noreturn]] void fail_at_rest() const {
    fail(
        fmt::format("'{}' is not understood (suffixes come in this order: _CxWd, _basic, _preact, "
                    "_cifar, _wN, _noshortcut)",
                    shown(rest_)));
  }

  [[noreturn]] void fail(const std::string& reason) const {
    throw std::invalid_argument(
        fmt::format("unknown model '{}': {}{}", shown(name_), reason, suggestion(name_)));
  }

  std::string_view name_;
  std::string_view rest_;
  int depth_ = 0;
  int layers_outside_blocks_ = 2;  ///< the first convolution and the classifier
  Spec spec_;
};

}  // namespace

Spec parse_spec(std::string_view name) {
  return NameParser(name).parse();
}

int usual_input_side(const Spec& spec) {
  return spec.stem == Stem::kCifar ? 32 : 224;
}

int usual_classes(const Spec& spec) {
  return spec.stem == Stem::kCifar ? 10 : 1000;
}

std::vector<KnownModel> known_models() {
  return {{"resnet50", "Tables 1, 2, 3, 6"},
          {"resnext50_2x40d", "Tables 2, 3"},
          {"resnext50_4x24d", "Tables 2, 3"},
          {"resnext50_8x14d", "Tables 2, 3"},
          {"resnext50_32x4d", "Tables 1, 2, 3, 6"},
          {"resnet101", "Tables 3, 4, 5, 6"},
          {"resnext101_2x40d", "Table 3"},
          {"resnext101_4x24d", "Table 3"},
          {"resnext101_8x14d", "Table 3"},
          {"resnext101_32x4d", "Tables 3, 4, 6"},
          {"resnet200_preact", "Tables 4, 5"},
          {"resnet101_1x100d", "Table 4"},
          {"resnext101_2x64d", "Table 4"},
          {"resnext101_64x4d", "Tables 4, 5"},
          {"resnet50_noshortcut", "Section 5.1, residual connections"},
          {"resnext50_32x4d_noshortcut", "Section 5.1, residual connections"},
          {"wrn28_10_cifar", "Table 7"},
          {"resnet29_cifar", "Figure 7"},
          {"resnet29_1x128d_cifar", "Figure 7"},
          {"resnet29_1x192d_cifar", "Figure 7"},
          {"resnet29_1x256d_cifar", "Figure 7"},
          {"resnet29_1x384d_cifar", "Figure 7"},
          {"resnext29_2x64d_cifar", "Figure 7"},
          {"resnext29_4x64d_cifar", "Figure 7"},
          {"resnext29_8x64d_cifar", "Table 7, Figure 7"},
          {"resnext29_16x64d_cifar", "Table 7, Figure 7"},
          {"resnext18_32x4d", "Figure 4"},
          {"resnet18", ""},
          {"resnet34", ""},
          {"resnet152", ""},
          {"resnext101_32x8d", ""},
          {"resnext29_8x64d_preact_cifar", ""},
          {"resnet20_basic_cifar_w16_shortcut_a", ""},
          {"resnext50_32x4d_shortcut_c", ""},
          {"resnext11_4x8d_cifar", ""},
          {"resnext11_4x4d_cifar_w16", ""}};
}

std::vector<std::string> known_model_names() {
  std::vector<std::string> names;
  for (const KnownModel& model : known_models()) names.push_back(model.name);
  return names;
}

}  // namespace resnext::net
