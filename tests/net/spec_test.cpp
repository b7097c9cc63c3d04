#include "net/spec.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace resnext::net {
namespace {

std::string error_of(const std::string& name) {
  try {
    parse_spec(name);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

void expect_error(const std::string& name, const std::vector<std::string>& parts) {
  const std::string error = error_of(name);
  for (const std::string& part : parts) {
    EXPECT_NE(error.find(part), std::string::npos) << name << ": " << error;
  }
  EXPECT_EQ(error.find('\n'), std::string::npos) << name;
  EXPECT_LT(error.size(), 300U) << name;
}

TEST(ParseSpec, ReadsAnImageNetResNeXt) {
  const Spec spec = parse_spec("resnext50_32x4d");
  EXPECT_EQ(spec.name, "resnext50_32x4d");
  EXPECT_EQ(spec.stem, Stem::kImageNet);
  EXPECT_EQ(spec.blocks_per_stage, (std::vector<int>{3, 4, 6, 3}));
  EXPECT_EQ(spec.cardinality, 32);
  EXPECT_EQ(spec.bottleneck_width, 4);
  EXPECT_EQ(spec.grouped_width(0), 128);  // Table 1
  EXPECT_EQ(spec.grouped_width(3), 1024);
  EXPECT_EQ(spec.output_width(0), 256);
  EXPECT_EQ(spec.output_width(3), 2048);
}

TEST(ParseSpec, KnowsTheDepthsOfThePaper) {
  EXPECT_EQ(parse_spec("resnet50").blocks_per_stage, (std::vector<int>{3, 4, 6, 3}));
  EXPECT_EQ(parse_spec("resnet101").blocks_per_stage, (std::vector<int>{3, 4, 23, 3}));
  EXPECT_EQ(parse_spec("resnet152").blocks_per_stage, (std::vector<int>{3, 8, 36, 3}));
  EXPECT_EQ(parse_spec("resnext29_8x64d_cifar").blocks_per_stage, (std::vector<int>{3, 3, 3}));
  EXPECT_EQ(parse_spec("resnext11_4x8d_cifar").blocks_per_stage, (std::vector<int>{1, 1, 1}));
  EXPECT_EQ(parse_spec("resnet164_cifar").blocks_per_stage, (std::vector<int>{18, 18, 18}));
}

TEST(ParseSpec, TakesAResNetAsCardinalityOne) {
  const Spec plain = parse_spec("resnet101");
  EXPECT_EQ(plain.cardinality, 1);
  EXPECT_EQ(plain.bottleneck_width, 64);
  const Spec wide = parse_spec("resnet101_1x100d");
  EXPECT_EQ(wide.cardinality, 1);
  EXPECT_EQ(wide.grouped_width(0), 100);
  EXPECT_EQ(wide.output_width(0), 256);
  EXPECT_EQ(parse_spec("resnext50_1x64d").grouped_width(3),
            parse_spec("resnet50").grouped_width(3));
}

TEST(ParseSpec, NarrowsTheBaseWidth) {
  const Spec spec = parse_spec("resnext11_4x4d_cifar_w16");
  EXPECT_EQ(spec.stem, Stem::kCifar);
  EXPECT_EQ(spec.base_width, 16);
  EXPECT_EQ(spec.output_width(0), 64);
  EXPECT_EQ(spec.output_width(2), 256);
  EXPECT_EQ(spec.grouped_width(2), 64);
  EXPECT_EQ(parse_spec("resnet29_cifar_w24").bottleneck_width, 24);
  EXPECT_EQ(parse_spec("resnext50_32x4d_w16").output_width(3), 512);
}

TEST(ParseSpec, EveryKnownNameParses) {
  for (const std::string& name : known_model_names()) EXPECT_EQ(parse_spec(name).name, name);
}

TEST(ParseSpec, SaysWhichPartIsWrongAndWhatIsNear) {
  expect_error("resnext50_32x4", {"'resnext50_32x4'", "'d' must follow", "'resnext50_32x4d'?"});
  expect_error("resnext50_324d", {"'x' must follow", "'resnext50_32x4d'?"});
  expect_error("resnext50", {"needs '_CxWd'", "did you mean"});
  expect_error("resnext50_x4d", {"needs '_CxWd'", "did you mean"});
  expect_error("resnext", {"the depth must be a number"});
  expect_error("resnetx101", {"the depth must be a number", "'resnet101'?"});
  expect_error("resnext51_32x4d", {"152 or 200, not 51", "'resnext50_32x4d'?"});
  expect_error("resnext30_8x64d_cifar", {"9n+2", "not 30", "'resnext29_8x64d_cifar'?"});
  expect_error("resnet2_cifar", {"9n+2", "not 2"});
  expect_error("resnet50_32x4d", {"cardinality 1, not 32", "'resnext50_32x4d'?"});
  expect_error("resnext50_0x4d", {"cardinality must be a positive number", "'0'"});
  expect_error("resnext50_32x-4d", {"bottleneck width must be a positive number", "'-4'"});
  expect_error("resnext50_32x04d", {"without leading zeros", "'04'"});
  expect_error("resnext29_8x64d_cifr", {"'_cifr' is not understood", "'resnext29_8x64d_cifar'?"});
  expect_error("resnext11_4x4d_w16_cifar", {"'_cifar' is not understood", "_cifar, _wN"});
  expect_error("resnet50_w", {"the base width after '_w' must be a number"});
  expect_error("ResNet50", {"begin with 'resnet', 'resnext' or 'wrn'", "'resnet50'?"});
  expect_error("resnet50 ", {"' ' is not understood"});
  expect_error("vgg16", {"unknown model 'vgg16'", "resnext-info --list"});
  expect_error("", {"unknown model ''"});
}

TEST(ParseSpec, ReadsBasicBlocks) {
  const Spec imagenet = parse_spec("resnext18_32x4d");
  EXPECT_EQ(imagenet.block, Block::kBasic);
  EXPECT_EQ(imagenet.blocks_per_stage, (std::vector<int>{2, 2, 2, 2}));
  EXPECT_EQ(imagenet.grouped_width(0), 128);  // Figure 4
  EXPECT_EQ(imagenet.output_width(0), 64);
  EXPECT_EQ(parse_spec("resnet34").blocks_per_stage, (std::vector<int>{3, 4, 6, 3}));
  const Spec cifar = parse_spec("resnet56_basic_cifar_w16");
  EXPECT_EQ(cifar.block, Block::kBasic);
  EXPECT_EQ(cifar.blocks_per_stage, (std::vector<int>{9, 9, 9}));
  EXPECT_EQ(cifar.stem_width, 16);
  EXPECT_EQ(cifar.output_width(2), 64);
  EXPECT_EQ(parse_spec("resnet50").block, Block::kBottleneck);
}

TEST(ParseSpec, ReadsPreactivatedAndWideNets) {
  const Spec deep = parse_spec("resnet200_preact");
  EXPECT_TRUE(deep.preactivation);
  EXPECT_EQ(deep.blocks_per_stage, (std::vector<int>{3, 24, 36, 3}));
  EXPECT_FALSE(parse_spec("resnet200").preactivation);
  const Spec wide = parse_spec("wrn28_10_cifar");
  EXPECT_TRUE(wide.preactivation);
  EXPECT_EQ(wide.block, Block::kBasic);
  EXPECT_EQ(wide.blocks_per_stage, (std::vector<int>{4, 4, 4}));
  EXPECT_EQ(wide.stem_width, 16);
  EXPECT_EQ(wide.grouped_width(0), 160);
  EXPECT_EQ(wide.output_width(2), 640);
}

TEST(ParseSpec, ReadsTheShortcut) {
  EXPECT_EQ(parse_spec("resnet50").shortcut, Shortcut::kProjection);
  EXPECT_EQ(parse_spec("resnet50_noshortcut").shortcut, Shortcut::kNone);
  EXPECT_EQ(parse_spec("resnet50_shortcut_a").shortcut, Shortcut::kZeroPadding);
  EXPECT_EQ(parse_spec("resnext11_4x4d_cifar_w16_shortcut_c").shortcut, Shortcut::kAllProjections);
  expect_error("resnet50_shortcut_b", {"type B", "without '_shortcut'"});
  expect_error("resnet50_noshortcut_cifar", {"'_cifar' is not understood"});
}

TEST(ParseSpec, SaysWhatItsFamiliesNeed) {
  expect_error("wrn28_cifar", {"the widening factor must be a number"});
  expect_error("wrn28", {"needs '_K'"});
  expect_error("wrn28_10", {"'_cifar' must follow"});
  expect_error("wrn29_10_cifar", {"6n+4", "not 29", "'wrn28_10_cifar'?"});
  expect_error("wrn28_9999_cifar", {"the widening factor must be at most"});
  expect_error("resnet29_basic_cifar", {"6n+2", "not 29"});
  expect_error("resnet34_basic", {"basic anyway"});
}

TEST(KnownModels, HaveDifferentNames) {
  std::vector<std::string> names = known_model_names();
  std::ranges::sort(names);
  EXPECT_EQ(std::ranges::adjacent_find(names), names.end());
}

TEST(ParseSpec, RefusesNumbersThatWouldOverflow) {
  expect_error("resnext50_99999999x99999999d", {"cardinality must be at most", "99999999"});
  expect_error("resnext50_99999999999999999999x4d", {"cardinality must be at most"});
  expect_error("resnext50_4096x4096d", {"4096 times width 4096"});
  expect_error("resnext50_32x4d_w99999999999", {"the base width after '_w' must be at most"});
  expect_error("resnet99999999999999999999", {"the depth must be at most"});
  expect_error("resnet999992_cifar", {"9n+2", "not 999992"});
}

TEST(ParseSpec, KeepsErrorsShortAndOnOneLine) {
  expect_error("resnext50\n_32x4d", {"unknown model 'resnext50?_32x4d'"});
  expect_error(std::string(1'000'000, 'r'), {"too long"});
}

}  // namespace
}  // namespace resnext::net
