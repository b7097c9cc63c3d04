#include "net/devices/device.h"

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace resnext::net {
namespace {
using Json = nlohmann::json;
using testing::HasSubstr;

std::string text_of(std::string_view name) {
  for (const KnownDevice& device : known_devices()) {
    if (device.name == name) return std::string(device.text);
  }
  return {};
}

/// What parse_device() says of the H100's description after `change`.
std::string complaint(const std::function<void(Json&)>& change) {
  Json json = Json::parse(text_of("h100"));
  change(json);
  try {
    parse_device(json.dump(), "file.json");
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "none";
}

TEST(DeviceTest, KnowsTheDataCentreGpus) {
  for (const char* name : {"a100", "h100", "h200", "b200"}) {
    const DeviceDescription device = read_device(name);
    EXPECT_FALSE(device.cudnn_json.empty()) << name;
    const Json cudnn = Json::parse(device.cudnn_json);
    EXPECT_EQ(cudnn.size(), cudnn_device_keys().size()) << name;
    EXPECT_NEAR(device.figures.memory_bytes, cudnn["totalGlobalMem"].get<double>(), 1e9) << name;
    // Dense peaks of tensor cores: TF32 has half of bf16's.
    EXPECT_NEAR(device.figures.bf16_flops, 2 * device.figures.tf32_flops,
                0.01 * device.figures.bf16_flops)
        << name;
  }
  const DeviceFigures h100 = read_device("h100").figures;
  EXPECT_EQ(h100.peak_flops(Precision::kBf16), h100.bf16_flops);
  EXPECT_EQ(h100.peak_flops(Precision::kTf32), h100.tf32_flops);
  EXPECT_EQ(h100.peak_flops(Precision::kFp32), h100.fp32_flops);
}

TEST(DeviceTest, ReadsFilesOfTheSameForm) {
  const auto path = std::filesystem::path(testing::TempDir()) / "own_device.json";
  std::ofstream(path) << text_of("a100");
  const DeviceDescription device = read_device(path.string());
  EXPECT_EQ(device.name, read_device("a100").name);
  EXPECT_EQ(device.where, path.string());
  for (const auto& entry :
       std::filesystem::directory_iterator(RESNEXT_SOURCE_DIR "/tests/net/devices")) {
    if (entry.path().extension() != ".json") continue;
    // Rooflines alone: cuDNN no longer computes on these.
    EXPECT_TRUE(read_device(entry.path().string()).cudnn_json.empty()) << entry.path();
  }
}

TEST(DeviceTest, NamesWhatIsWrongAndWhere) {
  EXPECT_THAT(complaint([](Json& json) { json["cudnn"].erase("l2CacheSize"); }),
              HasSubstr("file.json: 'cudnn.l2CacheSize' is missing"));
  EXPECT_THAT(complaint([](Json& json) { json["roofline"]["bf16_flops"] = -1; }),
              HasSubstr("file.json: 'roofline.bf16_flops' must be positive, not -1"));
  EXPECT_THAT(complaint([](Json& json) { json["roofline"]["gpus_per_node"] = 1.5; }),
              HasSubstr("'roofline.gpus_per_node' must be a whole number"));
  EXPECT_THAT(complaint([](Json& json) { json["name"] = 3; }), HasSubstr("'name' is not a text"));
  EXPECT_THAT(complaint([](Json& json) { json = "text"; }), HasSubstr("is not an object"));
  EXPECT_EQ(complaint([](Json& json) { json.erase("cudnn"); }), "none");
}

TEST(DeviceTest, SuggestsKnownNames) {
  try {
    read_device("h10");
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), HasSubstr("unknown device 'h10'"));
    EXPECT_THAT(error.what(), HasSubstr("h100"));
    EXPECT_THAT(error.what(), HasSubstr("JSON file"));
  }
  EXPECT_THROW(read_device("/"), std::invalid_argument);
  EXPECT_THROW(parse_device("{", "file.json"), std::invalid_argument);
}

}  // namespace
}  // namespace resnext::net
