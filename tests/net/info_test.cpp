// resnext-info as a user runs it: the program itself, its output and its exit code.

#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "run_info.h"

namespace resnext::net {
namespace {

TEST(Info, PrintsThePapersNumbersAsJson) {
  const InfoResult result = info("resnext50_32x4d --json");
  ASSERT_EQ(result.exit_code, 0) << result.output;
  const auto json = nlohmann::json::parse(result.output);
  EXPECT_EQ(json["model"], "resnext50_32x4d");
  EXPECT_EQ(json["parameters"], 25'028'904);
  EXPECT_EQ(json["parameter_bytes"], 4 * 25'028'904);
  EXPECT_NEAR(json["multiply_adds"].get<double>(), 4.2e9, 0.05e9);
  EXPECT_EQ(json["input"], nlohmann::json({{"height", 224}, {"width", 224}, {"channels", 3}}));
  EXPECT_EQ(json["classes"], 1000);
  EXPECT_EQ(json["batch"], 1);
  ASSERT_EQ(json["stages"].size(), 6U);
  EXPECT_EQ(json["stages"][3]["stage"], "conv4");
  EXPECT_EQ(json["stages"][3]["output"]["height"], 14);
  EXPECT_EQ(json["stages"][3]["layers"][0], "[1x1, 512 / 3x3, 512, C=32 / 1x1, 1024] x 6");
}

TEST(Info, TakesInputClassesAndBatch) {
  const InfoResult result =
      info("resnext11_4x4d_cifar_w16 --input 28x30x1 --classes 7 --batch 16 --json");
  ASSERT_EQ(result.exit_code, 0) << result.output;
  const auto json = nlohmann::json::parse(result.output);
  EXPECT_EQ(json["input"], nlohmann::json({{"height", 28}, {"width", 30}, {"channels", 1}}));
  EXPECT_EQ(json["classes"], 7);
  EXPECT_EQ(json["activation_bytes"], 4 * 16 * json["activation_values"].get<std::int64_t>());
}

TEST(Info, ShowsCifarNetsAtCifarsSize) {
  const auto json = nlohmann::json::parse(info("resnext29_8x64d_cifar --json").output);
  EXPECT_EQ(json["input"]["height"], 32);
  EXPECT_EQ(json["classes"], 10);
  EXPECT_NEAR(json["parameters"].get<double>(), 34.4e6, 0.05e6);
}

TEST(Info, PrintsATableForPeople) {
  const InfoResult result = info("resnet50");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_TRUE(contains(result.output, "25,557,032")) << result.output;
  EXPECT_TRUE(contains(result.output, "[1x1, 64 / 3x3, 64 / 1x1, 256] x 3")) << result.output;
}

TEST(Info, ListsModelsAndShowsHelp) {
  const std::string list = info("--list").output;
  EXPECT_TRUE(contains(list, "\nresnext101_64x4d "));
  EXPECT_TRUE(contains(list, " 83,455,272 ")) << list;
  EXPECT_TRUE(contains(info("--help").output, list));
  const InfoResult help = info("--help");
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_TRUE(contains(help.output, "Example: resnext-info resnext50_32x4d"));
}

TEST(Info, ShowsPathsInTheFormsOfFigure3) {
  EXPECT_TRUE(contains(info("resnext50_32x4d --block-form a").output,
                       "[32 x (1x1, 4 / 3x3, 4 / 1x1, 256)] x 3"));
  EXPECT_TRUE(contains(info("resnext50_32x4d --block-form b").output,
                       "[32 x (1x1, 4 / 3x3, 4) / 1x1, 256] x 3"));
  EXPECT_TRUE(contains(info("resnext50_32x4d --block-form a").output, "25,028,904"));
  expect_usage_error("resnext50_32x4d --block-form d", "--block-form: 'd' is none of Figure 3's");
}

/// Passes of convolutions do the operations of three forward passes, but for the first layer's
/// inputs, whose gradient nobody needs.
TEST(Info, TimesLayersOnTheCpu) {
  const InfoResult result = info(
      "resnext11_4x4d_cifar_w16 --engine cpu --json --batch-per-replica 4 --threads 1 --steps 1");
  ASSERT_EQ(result.exit_code, 0) << result.output;
  const auto json = nlohmann::json::parse(result.output);
  const auto model = nlohmann::json::parse(info("resnext11_4x4d_cifar_w16 --json").output);
  double flops = 0, seconds = 0;
  for (const auto& layer : json["layers"]) {
    flops += 1e9 * layer["gflop"].get<double>();
    seconds += layer["seconds"].get<double>();
  }
  const double first = 2.0 * 3 * 16 * 9 * 32 * 32;
  EXPECT_NEAR(flops, 4 * (6 * model["multiply_adds"].get<double>() - first), 1.0);
  EXPECT_GT(seconds, 0);
  EXPECT_GT(json["peak_gflops"].get<double>(), 0);
  EXPECT_GT(json["mfu"].get<double>(), 0);
}

TEST(Info, RefusesTimingsItCannotTake) {
  expect_usage_error("resnet50 --engine gpu", "--engine: only 'cpu' can be timed here, not 'gpu'");
  expect_usage_error("resnet50 --engine cpu --precision tf32", "--precision: tf32 needs a GPU");
  expect_usage_error("resnet50 --engine cpu --threads 0", "--threads must be 1 to");
  expect_usage_error("resnet50 --steps 3", "--steps goes with a MODEL and --engine cpu");
}

TEST(Info, RefusesWhatItCannotShowInOneLine) {
  expect_usage_error("resnext50_32x4", "did you mean 'resnext50_32x4d'?");
  expect_usage_error("resnext50_99999999x99999999d", "cardinality must be at most");
  expect_usage_error("", "no model given");
  expect_usage_error("resnet50 resnet101", "unexpected argument");
  expect_usage_error("resnet50 --jsn", "did you mean '--json'?");
  expect_usage_error("resnet50 --input 224", "--input: '224' is not HxWxC");
  expect_usage_error("resnet50 --input 224x224x3x", "is not HxWxC");
  expect_usage_error("resnet50 --input 9999999999x224x3", "is not HxWxC");
  expect_usage_error("resnet50 --input 16x16x3", "at least 32x32");
  expect_usage_error("resnet50 --classes 0", "classes must be positive");
  expect_usage_error("resnet50 --classes ten", "--classes");
  expect_usage_error("resnet50 --batch 0", "--batch must be");
  expect_usage_error("resnet50 --list", "--list takes no model");
}

}  // namespace
}  // namespace resnext::net
