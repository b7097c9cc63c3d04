#include "net/spec.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <stdexcept>

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
constexpr int kLayersPerBlock = 3;
constexpr std::size_t kMaxNameLength = 64;

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
    Spec spec;
    spec.name = name_;
    const bool grouped = parse_family();
    const int depth = parse_number("the depth", 1'000'000);
    const std::optional<int> width = parse_groups(spec, grouped);
    if (take("_cifar")) spec.stem = Stem::kCifar;
    if (take("_w")) spec.base_width = parse_number("the base width after '_w'", kMaxBaseWidth);
    if (!rest_.empty()) fail_at_rest();
    spec.bottleneck_width = width.value_or(spec.base_width);
    spec.blocks_per_stage = blocks_per_stage(spec.stem, depth);
    return spec;
  }

 private:
  /// True for resnext, false for resnet.
  bool parse_family() {
    if (take("resnext")) return true;
    if (take("resnet")) return false;
    fail("it must begin with 'resnet' or 'resnext'");
  }

  /// `_CxWd`: sets the cardinality and returns the width, or nothing for a plain ResNet.
  std::optional<int> parse_groups(Spec& spec, bool grouped) {
    const bool present = rest_.size() > 1 && rest_[0] == '_' && rest_[1] >= '0' && rest_[1] <= '9';
    if (!present && grouped) fail("after its depth a resnext needs '_CxWd', e.g. '_32x4d'");
    if (!present) return std::nullopt;
    take("_");
    spec.cardinality = parse_number("the cardinality", kMaxGroupedWidth);
    if (!take("x")) fail("an 'x' must follow the cardinality, as in '_32x4d'");
    const int width = parse_number("the bottleneck width", kMaxGroupedWidth);
    if (!take("d")) fail("a 'd' must follow the bottleneck width, as in '_32x4d'");
    if (!grouped && spec.cardinality != 1) {
      fail(fmt::format("a resnet has cardinality 1, not {}: call it 'resnext'", spec.cardinality));
    }
    if (spec.cardinality * width > kMaxGroupedWidth) {
      fail(fmt::format("cardinality {} times width {} is more than {} channels", spec.cardinality,
                       width, kMaxGroupedWidth));
    }
    return width;
  }

  std::vector<int> blocks_per_stage(Stem stem, int depth) const {
    if (stem == Stem::kCifar) {
      const int layers_per_unit = kCifarStages * kLayersPerBlock;
      if (depth < layers_per_unit + 2 || depth > kMaxCifarDepth ||
          (depth - 2) % layers_per_unit != 0) {
        fail(fmt::format("the depth of a CIFAR net is 9n+2 (11, 20, 29, ... {}), not {}",
                         kMaxCifarDepth, depth));
      }
      return std::vector<int>(kCifarStages, (depth - 2) / layers_per_unit);
    }
    switch (depth) {
      case 50:
        return {3, 4, 6, 3};
      case 101:
        return {3, 4, 23, 3};
      case 152:
        return {3, 8, 36, 3};
      default:
        fail(fmt::format("the depth of an ImageNet net is 50, 101 or 152, not {}", depth));
    }
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
    fail(fmt::format("'{}' is not understood (the suffixes are '_cifar', then '_wN')",
                     shown(rest_)));
  }

  [[noreturn]] void fail(const std::string& reason) const {
    throw std::invalid_argument(
        fmt::format("unknown model '{}': {}{}", shown(name_), reason, suggestion(name_)));
  }

  std::string_view name_;
  std::string_view rest_;
};

}  // namespace

Spec parse_spec(std::string_view name) {
  return NameParser(name).parse();
}

std::vector<std::string> known_model_names() {
  return {"resnet50",
          "resnet101",
          "resnet152",
          "resnext50_32x4d",
          "resnext50_2x40d",
          "resnext50_4x24d",
          "resnext50_8x14d",
          "resnext101_32x4d",
          "resnext101_2x40d",
          "resnext101_4x24d",
          "resnext101_8x14d",
          "resnext101_2x64d",
          "resnext101_64x4d",
          "resnext101_32x8d",
          "resnet101_1x100d",
          "resnet29_cifar",
          "resnet29_1x128d_cifar",
          "resnet29_1x192d_cifar",
          "resnet29_1x256d_cifar",
          "resnet29_1x384d_cifar",
          "resnext29_2x64d_cifar",
          "resnext29_4x64d_cifar",
          "resnext29_8x64d_cifar",
          "resnext29_16x64d_cifar",
          "resnext11_4x8d_cifar",
          "resnext11_4x4d_cifar_w16"};
}

}  // namespace resnext::net
