// resnext-info --plan with the real cuDNN, and --plan this on GPUs that are stood in for.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "net/devices/device.h"
#include "run_info.h"

namespace resnext::net {
namespace {
using nlohmann::json;
using testing::HasSubstr;

constexpr const char* kModel = "resnext11_4x8d_cifar --batch-per-replica 8 --plan ";

/// The environment of a host whose GPU is a stand-in (tests/cuda_standin).
std::string on_a_standin(const std::string& device) {
  return std::string("env LD_LIBRARY_PATH=" RESNEXT_STANDIN_FOLDER ":" RESNEXT_CUDA_FOLDER) +
         " LD_PRELOAD=" RESNEXT_STANDIN_FOLDER "/libcudnn_exec.so CUDNN_TEST_DEVICE_JSON=" +
         RESNEXT_SOURCE_DIR "/net/devices/" + device + ".json ";
}

/// Every graph of a network, with what the real cuDNN calls engines.
void expect_plans(const InfoResult& result) {
  ASSERT_EQ(result.exit_code, 0) << result.output;
  const json plan = json::parse(result.output);
  EXPECT_THAT(plan["cudnn"].get<std::string>(), testing::StartsWith("9."));
  EXPECT_GT(plan["graphs"].size(), 30U);
  for (const json& graph : plan["graphs"]) {
    EXPECT_THAT(graph["engine"].get<std::string>(), testing::StartsWith("engine ")) << graph;
  }
}

/// Tensor cores of compute capability 7.5 have no bf16.
TEST(RealPlan, TuringHasNoBf16) {
  json device;
  for (const KnownDevice& known : known_devices()) {
    if (known.name == "a100") device = json::parse(known.text);
  }
  device["name"] = "T4";
  device["cudnn"]["deviceVer"] = 750;
  const std::string path = testing::TempDir() + "turing.json";
  std::ofstream(path) << device;
  const InfoResult result = info(kModel + path);
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.output, HasSubstr("resnext-info: error: conv1 has no plan on T4: no plan for "
                                       "convolution_forward"));
}

TEST(RealPlan, WithoutAGpuThereIsNoneToDescribe) {
  if (std::filesystem::exists("/proc/driver/nvidia/version")) GTEST_SKIP() << "there is a GPU";
  const InfoResult result = info("--plan this");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.output, "resnext-info: error: no GPU is at hand: no NVIDIA driver is loaded\n");
}

TEST(RealPlan, TheGpuAtHandIsDescribedForUseElsewhere) {
  const InfoResult result = info_at(on_a_standin("h100") + RESNEXT_INFO, "--plan this");
  ASSERT_EQ(result.exit_code, 0) << result.output;
  const DeviceDescription device = parse_device(result.output, "this GPU");
  EXPECT_EQ(json::parse(device.cudnn_json), json::parse(read_device("h100").cudnn_json));
  EXPECT_NEAR(device.figures.memory_bandwidth, 3352e9, 1e9);
  EXPECT_EQ(device.figures.memory_bytes, double(std::size_t{80} << 30));
  const std::string path = testing::TempDir() + "this.json";
  std::ofstream(path) << result.output;
  expect_plans(info(kModel + path + " --json"));
}

TEST(RealPlan, ThisPlansForTheGpuAtHand) {
  const InfoResult result =
      info_at(on_a_standin("a100") + "STANDIN_SM=80 STANDIN_DEVICE_NAME=Mine " + RESNEXT_INFO,
              std::string(kModel) + "this --json");
  expect_plans(result);
  EXPECT_EQ(json::parse(result.output)["device"], json({{"name", "Mine"}, {"from", "this GPU"}}));
}

}  // namespace
}  // namespace resnext::net
