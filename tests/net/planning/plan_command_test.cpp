// resnext-info --plan, with a planner that needs no cuDNN: what is said, and the exit code.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "net/devices/device.h"
#include "planner_folder.h"
#include "tests/net/cuda/fake_planner.h"

namespace resnext::net {
namespace {
using nlohmann::json;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;

constexpr const char* kModel = "resnext11_4x8d_cifar --plan ";
constexpr double kMiB = 1 << 20;

class PlanCommand : public testing::Test {
 protected:
  InfoResult plan(const std::string& arguments) const { return folder.info(kModel + arguments); }

  /// Exit code 2, and one line.
  void expect_usage_error(const std::string& arguments, const std::string& part) const {
    const InfoResult result = folder.info(arguments);
    EXPECT_EQ(result.exit_code, 2) << arguments;
    EXPECT_THAT(result.output,
                AllOf(testing::StartsWith("resnext-info: error: "), HasSubstr(part)));
    EXPECT_EQ(result.output.find('\n'), result.output.size() - 1) << result.output;
  }

  PlannerFolder folder{PlannerKind::kFake};
};

/// The line behind the report.
std::string last_line(const std::string& output) {
  return output.substr(output.rfind('\n', output.size() - 2) + 1);
}

json json_before_last_line(const std::string& output) {
  return json::parse(output.substr(0, output.rfind('\n', output.size() - 2) + 1));
}

TEST_F(PlanCommand, PrintsPlansMemoryAndBounds) {
  const InfoResult result = plan("h100 --batch-per-replica 20 --ranks 2 --replicas 4");
  EXPECT_EQ(result.exit_code, 0) << result.output;
  for (const char* part : {"resnext11_4x8d_cifar on NVIDIA H100 80GB HBM3: 20 images of 32x32x3 a "
                           "replica, 10 classes, "
                           "bf16; 4 replicas on 2 ranks",
                           "cuDNN 9.19.0 has a plan for ", "layer1.0.conv2 backward weights",
                           "Own kernels, which need no plan:", "1 softmax cross-entropy", "SGD",
                           "CUDA, cuDNN and NCCL (an estimate)",
                           ": fits; the largest batch that fits is ", "training   at most ",
                           "images/s (40 images in ", "Estimates:\n- figures of the GPU: NVIDIA"}) {
    EXPECT_THAT(result.output, HasSubstr(part));
  }
}

TEST_F(PlanCommand, PrintsTheSameAsJson) {
  const InfoResult result = plan(
      "a100 --batch-per-replica 20 --accumulate 3 --precision tf32 --json --input 64x32x3 "
      "--classes 16");
  ASSERT_EQ(result.exit_code, 0) << result.output;
  const json plan = json::parse(result.output);
  EXPECT_EQ(plan["device"], json({{"name", "NVIDIA A100-SXM4-80GB"}, {"from", "a100"}}));
  EXPECT_EQ(plan["input"], json({{"height", 64}, {"width", 32}, {"channels", 3}}));
  EXPECT_EQ(plan["classes"], 16);
  EXPECT_EQ(plan["precision"], "tf32");
  EXPECT_EQ(plan["batch_per_replica"], 20);
  EXPECT_EQ(plan["accumulate"], 3);
  EXPECT_EQ(plan["replicas"], 1);
  EXPECT_EQ(plan["ranks"], 1);
  EXPECT_EQ(plan["cudnn"], "9.19.0");
  EXPECT_EQ(plan["supported"], true);
  EXPECT_EQ(plan["fits"], true);
  EXPECT_EQ(plan["why_not"], "");
  EXPECT_GT(plan["largest_batch_per_replica"], 1000);
  EXPECT_GE(plan["planning_seconds"], 0);
  double memory = 0;
  for (const auto& [part, bytes] : plan["memory"].items()) {
    if (part != "total" && part != "available") memory += bytes.get<double>();
  }
  EXPECT_EQ(plan["memory"]["total"], memory);
  EXPECT_EQ(plan["memory"]["workspace"], 20);  // the fake planner's
  EXPECT_EQ(plan["memory"]["available"], 84974239744);
  EXPECT_GT(plan["bound"]["training_images_per_second"], 0);
  EXPECT_NEAR(plan["bound"]["training_images_per_second"].get<double>() *
                  plan["bound"]["training_step_seconds"].get<double>(),
              3 * 20, 1e-9);
  EXPECT_GT(plan["bound"]["inference_images_per_second"],
            plan["bound"]["training_images_per_second"]);
  EXPECT_FALSE(plan["estimates"].empty());
  EXPECT_FALSE(plan["own_kernels"].empty());
}

/// Each graph once, each with the steps of both passes that compute it.
TEST_F(PlanCommand, ListsEveryGraphWithItsLayers) {
  const json plan = json::parse(
      folder.info("resnet20_basic_cifar_w16 --plan h100 --batch-per-replica 20 --json").output);
  std::size_t convolutions = 0;
  for (const json& graph : plan["graphs"]) {
    EXPECT_TRUE(graph["supported"]) << graph;
    EXPECT_FALSE(graph["training"].empty() && graph["inference"].empty()) << graph;
    if (graph["graph"].get<std::string>().starts_with("convolution_forward")) {
      EXPECT_EQ(graph["training"], graph["inference"]) << graph;
      convolutions += graph["training"].size();
    }
  }
  EXPECT_EQ(convolutions, 19U + 2U);  // and two projections
  const json& first = plan["graphs"][0];
  EXPECT_EQ(first["graph"], "convolution_forward k3s1p1 20x8x32x32 bf16, 16x8x3x3");
  EXPECT_EQ(first["training"], json::array({"conv1"}));
  EXPECT_EQ(first["engine"], "fake");
  EXPECT_EQ(first["workspace_bytes"], 20);
}

TEST_F(PlanCommand, RanksShareWhatTheyCan) {
  const auto arenas = [&](const std::string& options) {
    return json::parse(plan("h100 --json " + options).output)["memory"]["arenas"].get<double>();
  };
  EXPECT_GT(arenas("--replicas 4"), arenas("--replicas 4 --ranks 4"));
  EXPECT_EQ(arenas("--replicas 4 --ranks 2"), arenas("--ranks 2 --accumulate 2"));
}

TEST_F(PlanCommand, NamesTheBatchThatFits) {
  const std::string device = folder.device_with_memory("h100", 1200 * kMiB);
  const InfoResult result = plan(device + " --batch-per-replica 900 --json");
  EXPECT_EQ(result.exit_code, 1);
  const json report = json_before_last_line(result.output);
  EXPECT_EQ(report["fits"], false);
  EXPECT_EQ(report["supported"], true);
  const int largest = report["largest_batch_per_replica"];
  EXPECT_GT(largest, kUnsupported);
  EXPECT_LT(largest, 900);
  EXPECT_THAT(last_line(result.output),
              AllOf(HasSubstr("resnext-info: error: 900 images a replica need "),
                    HasSubstr(" GiB of the 1.2 GiB of NVIDIA H100"),
                    EndsWith("; --batch-per-replica " + std::to_string(largest) +
                             " is the largest that fits\n")));
  const auto with = [&](int batch) {
    return plan(device + " --batch-per-replica " + std::to_string(batch));
  };
  EXPECT_EQ(with(largest).exit_code, 0);
  const InfoResult larger = with(largest + 1);
  EXPECT_EQ(larger.exit_code, 1);
  EXPECT_THAT(larger.output, HasSubstr("DOES NOT FIT"));
}

TEST_F(PlanCommand, SaysThatNotEvenOneImageFits) {
  const InfoResult result = plan(folder.device_with_memory("h100", 100 * kMiB));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.output, EndsWith("; not even one image fits\n"));
}

TEST_F(PlanCommand, SaysWhichGraphHasNoPlan) {
  const InfoResult result = plan("h100 --batch-per-replica " + std::to_string(kUnsupported));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(last_line(result.output),
            "resnext-info: error: conv1 has no plan on NVIDIA H100 80GB HBM3: no engine\n");
  EXPECT_THAT(result.output, HasSubstr("NOT SUPPORTED"));
}

TEST_F(PlanCommand, SaysWhereCudnnCrashes) {
  const InfoResult result = plan("h100 --json --batch-per-replica " + std::to_string(kCrashes));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(last_line(result.output), HasSubstr("conv1 has no plan on NVIDIA H100 80GB HBM3: "
                                                  "cuDNN crashes on it (signal 11)"));
  const json report = json_before_last_line(result.output);
  EXPECT_EQ(report["supported"], false);
  int supported = 0;  // matrix products of the classifier have no first extent of that kind
  for (const json& graph : report["graphs"]) supported += graph["supported"].get<bool>() ? 1 : 0;
  EXPECT_EQ(supported, 3);
}

TEST_F(PlanCommand, RefusesBadOptions) {
  expect_usage_error(kModel + std::string("h10"),
                     "--plan: unknown device 'h10'; did you mean 'h100'?");
  expect_usage_error(kModel + std::string("h100 --precision bf61"), "did you mean 'bf16'?");
  expect_usage_error(kModel + std::string("h100 --ranks 3 --replicas 4"),
                     "--ranks: 3 ranks cannot share 4 replicas evenly");
  expect_usage_error(kModel + std::string("h100 --batch-per-replica 0"),
                     "--batch-per-replica must be 1 to");
  expect_usage_error(kModel + std::string("h100 --batch 16"), "give --batch-per-replica");
  expect_usage_error("resnet50 --ranks 2", "--ranks goes with a MODEL and --plan");
  expect_usage_error("--plan h100", "no model given");
  expect_usage_error("--plan this --ranks 2", "--ranks goes with a MODEL");
  expect_usage_error("resnet5 --plan h100", "resnet5");
}

TEST_F(PlanCommand, RefusesDevicesThatCannotBePlannedFor) {
  json device;
  for (const KnownDevice& known : known_devices()) {
    if (known.name == "a100") device = json::parse(known.text);
  }
  device["cudnn"]["deviceVer"] = 700;
  expect_usage_error(kModel + folder.write("volta.json", device.dump()),
                     "has compute capability 7.0; cuDNN 9 computes on 7.5 and newer");
  device.erase("cudnn");
  expect_usage_error(kModel + folder.write("roofline.json", device.dump()),
                     "has no 'cudnn' section, so cuDNN cannot plan for it");
  expect_usage_error(kModel + folder.write("broken.json", "{"), "not JSON");
}

TEST(PlanCommandWithoutPlanner, SaysWhatIsMissing) {
  const PlannerFolder folder(PlannerKind::kNone);
  for (const char* arguments : {"resnet50 --plan h100", "--plan this"}) {
    const InfoResult result = folder.info(arguments);
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.output, AllOf(testing::StartsWith("resnext-info: error: --plan needs "),
                                     HasSubstr("CUDA libraries")));
    EXPECT_EQ(result.output.find('\n'), result.output.size() - 1) << result.output;
  }
}

}  // namespace
}  // namespace resnext::net
