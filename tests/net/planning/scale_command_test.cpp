// resnext-info --scale as a user runs it.

#include <algorithm>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "net/planning/scaling.h"
#include "run_info.h"

namespace resnext::net {
namespace {
using Json = nlohmann::json;

Json scale_json(const std::string& arguments) {
  const InfoResult result = info("--scale --json " + arguments);
  EXPECT_EQ(result.exit_code, 0) << result.output;
  return Json::parse(result.output);
}

TEST(ScaleCommand, ShowsAllModelsOfTables3And4) {
  const InfoResult result = info("--scale");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_TRUE(result.output.starts_with("Scale on paper: a model, not a measurement.\nNVIDIA H100"))
      << result.output;
  std::size_t models = 0;
  for (const KnownModel& model : known_models()) {
    const bool in_a_table = model.place.find("Table") != std::string::npos &&
                            (contains(model.place, "3") || contains(model.place, "4"));
    EXPECT_EQ(contains(result.output, "\n" + model.name + " "), in_a_table) << model.name;
    models += in_a_table ? 1 : 0;
  }
  EXPECT_EQ(models, table_3_and_4_models().size());
}

/// As net/planning/README.md shows it.
TEST(ScaleCommand, PrintsWhatThePageShows) {
  std::ifstream file(RESNEXT_SOURCE_DIR "/net/planning/README.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  EXPECT_TRUE(contains(page, info("--scale").output))
      << "programs cost something else now: show the output of resnext-info --scale again";
}

TEST(ScaleCommand, PrintsRowsAsJson) {
  const Json json = scale_json("resnext50_32x4d --gpu a100 --gpus 1,8,4096 --batch-per-replica 64");
  EXPECT_EQ(json["is"], "a model, not a measurement");
  EXPECT_EQ(json["device"]["from"], "a100");
  EXPECT_EQ(json["precision"], "bf16");
  EXPECT_EQ(json["reduce"], "exact");
  EXPECT_EQ(json["batch_per_replica"], 64);
  EXPECT_EQ(json["attained"]["assumed"], false);
  EXPECT_GT(json["error"]["efficiencies"], 0);
  ASSERT_EQ(json["rows"].size(), 3U);
  EXPECT_EQ(json["rows"][0]["efficiency"], 1);
  for (const Json& row : json["rows"]) {
    EXPECT_EQ(row["model"], "resnext50_32x4d");
    const double gpus = row["gpus"], step = row["step_ms"], images = row["images_per_second"];
    EXPECT_NEAR(images, gpus * 64 * 1000 / step, 1e-6 * images);
    const double alone = json["rows"][0]["images_per_second"];
    EXPECT_NEAR(row["efficiency"], images / alone / gpus, 1e-9);
    EXPECT_GE(row["step_ms"].get<double>(),
              row["compute_ms"].get<double>() + row["exposed_ms"].get<double>());
  }
}

TEST(ScaleCommand, FollowsItsOptions) {
  const auto step = [](const std::string& options) {
    return scale_json("resnet50 --gpus 4096 " + options)["rows"][0]["step_ms"].get<double>();
  };
  const double usual = step("");
  EXPECT_LT(step("--reduce fast"), usual);
  EXPECT_GT(step("--bucket-mib 4"), usual);
  const Json in_4_mib = scale_json("resnet50 --bucket-mib 4")["rows"][4];
  EXPECT_EQ(in_4_mib["bucket_mib"], 4);
  EXPECT_EQ(in_4_mib["step_ms"], in_4_mib["usual_bucket_step_ms"]);
  EXPECT_EQ(in_4_mib["step_ms"], scale_json("resnet50")["rows"][4]["usual_bucket_step_ms"]);
  EXPECT_LT(step("--attained 1"), usual);
  EXPECT_GT(step("--precision fp32"), usual);
  EXPECT_GT(step("--gpu a100"), usual);
  EXPECT_EQ(scale_json("resnet50 --attained 0.25")["attained"]["fraction"], 0.25);
  const Json fast = scale_json("resnet50 --reduce fast")["rows"];
  for (const Json& row : fast) EXPECT_EQ(row["step_ms"], row["fast_step_ms"]);
}

TEST(ScaleCommand, TakesDeviceFiles) {
  const Json json =
      scale_json("resnet50 --gpus 8 --gpu " RESNEXT_SOURCE_DIR "/tests/net/devices/v100_dgx1.json");
  EXPECT_EQ(json["device"]["name"], "Tesla V100-SXM2, DGX-1");
  EXPECT_EQ(json["attained"]["assumed"], true);
}

TEST(ScaleCommand, ExplainsItself) {
  const InfoResult help = info("--scale --help");
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_TRUE(contains(help.output, "resnext-info --scale [MODEL...]"));
  EXPECT_TRUE(contains(help.output, "Keys of --json"));
  EXPECT_TRUE(contains(info("--help").output, "--scale"));
}

TEST(ScaleCommand, RefusesWhatItCannotEstimateInOneLine) {
  expect_usage_error("--scale resnext50_32x4", "did you mean 'resnext50_32x4d'?");
  expect_usage_error("--scale --gpu h10", "--gpu: unknown device 'h10'; did you mean 'h100'?");
  expect_usage_error("--scale --gpu /", "--gpu: ");
  expect_usage_error("--scale --gpus 8,0", "--gpus");
  expect_usage_error("--scale --gpus ,", "--gpus");
  expect_usage_error("--scale --gpus ''", "--gpus");
  expect_usage_error("--scale --gpus 65537", "--gpus must be 1 to 65536, not 65537");
  expect_usage_error("--scale --reduce fat", "--reduce: 'fat' is neither exact nor fast");
  expect_usage_error("--scale --precision bf15", "--precision: unknown precision 'bf15'");
  expect_usage_error("--scale --attained 0", "--attained must be above 0, and 1 at most");
  expect_usage_error("--scale --attained 1.5", "--attained must be");
  expect_usage_error("--scale --bucket-mib 0", "--bucket-mib must be");
  expect_usage_error("--scale --bucket-mib nan", "--bucket-mib must be");
  expect_usage_error("--scale --batch-per-replica 0", "--batch-per-replica must be 1 to 16384");
  expect_usage_error("--scale --gpuss 8", "did you mean '--gpus'?");
  expect_usage_error("--scal", "did you mean '--scale'?");
}

}  // namespace
}  // namespace resnext::net
