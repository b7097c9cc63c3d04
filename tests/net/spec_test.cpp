#include "net/spec.h"

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
  expect_error("resnext51_32x4d", {"50, 101 or 152, not 51", "'resnext50_32x4d'?"});
  expect_error("resnet200", {"50, 101 or 152, not 200"});
  expect_error("resnext30_8x64d_cifar", {"9n+2", "not 30", "'resnext29_8x64d_cifar'?"});
  expect_error("resnet2_cifar", {"9n+2", "not 2"});
  expect_error("resnet50_32x4d", {"cardinality 1, not 32", "'resnext50_32x4d'?"});
  expect_error("resnext50_0x4d", {"cardinality must be a positive number", "'0'"});
  expect_error("resnext50_32x-4d", {"bottleneck width must be a positive number", "'-4'"});
  expect_error("resnext50_32x04d", {"without leading zeros", "'04'"});
  expect_error("resnext29_8x64d_cifr", {"'_cifr' is not understood", "'resnext29_8x64d_cifar'?"});
  expect_error("resnext11_4x4d_w16_cifar", {"'_cifar' is not understood", "'_cifar', then '_wN'"});
  expect_error("resnet50_w", {"the base width after '_w' must be a number"});
  expect_error("ResNet50", {"begin with 'resnet' or 'resnext'", "'resnet50'?"});
  expect_error("resnet50 ", {"' ' is not understood"});
  expect_error("vgg16", {"unknown model 'vgg16'", "resnext-info --list"});
  expect_error("", {"unknown model ''"});
}

TEST(ParseSpec, NamesOfLaterNetsAreErrors) {
  expect_error("wrn28_10_cifar", {"begin with 'resnet' or 'resnext'"});
  expect_error("resnet200_preact", {"'_preact' is not understood"});
  expect_error("resnet50_noshortcut", {"'_noshortcut' is not understood"});
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
