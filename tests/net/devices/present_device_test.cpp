#include "net/devices/present_device.h"

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/devices/device.h"

namespace resnext::net {
namespace {
using testing::HasSubstr;

DeviceDescription round_trip(const PresentGpu& gpu) {
  return parse_device(device_file(gpu), "this GPU");
}

/// What an A100 of 40 GB says of itself.
PresentGpu a100() {
  PresentGpu gpu;
  gpu.name = "NVIDIA A100-SXM4-40GB";
  gpu.cudnn_json = read_device("a100").cudnn_json;
  gpu.versions = "CUDA 13.0, cuDNN 9.19.0";
  gpu.compute_capability = 80;
  gpu.multiprocessors = 108;
  gpu.clock = 1410e6;
  gpu.memory_clock = 1215e6;
  gpu.memory_bus_bits = 5120;
  gpu.memory_bytes = 40e9;
  gpu.gpus = 4;
  return gpu;
}

TEST(PresentDeviceTest, ComputesPeaksFromClocksAndWidths) {
  const DeviceDescription device = round_trip(a100());
  EXPECT_EQ(device.name, "NVIDIA A100-SXM4-40GB");
  EXPECT_EQ(device.cudnn_json, read_device("a100").cudnn_json);
  // Its data sheet: 312, 156 and 19.5 TFLOP/s, 1,555 GB/s.
  EXPECT_NEAR(device.figures.bf16_flops, 312e12, 0.5e12);
  EXPECT_NEAR(device.figures.tf32_flops, 156e12, 0.25e12);
  EXPECT_NEAR(device.figures.fp32_flops, 19.5e12, 0.05e12);
  EXPECT_NEAR(device.figures.memory_bandwidth, 1555e9, 1e9);
  EXPECT_EQ(device.figures.memory_bytes, 40e9);
  EXPECT_EQ(device.figures.gpus_per_node, 4);
}

TEST(PresentDeviceTest, RatesAreThoseOfDataSheets) {
  for (const char* name : {"h100", "b200"}) {
    const DeviceFigures known = read_device(name).figures;
    PresentGpu gpu = a100();
    gpu.compute_capability = std::string_view(name) == "h100" ? 90 : 100;
    gpu.multiprocessors = gpu.compute_capability == 90 ? 132 : 148;
    gpu.clock = gpu.compute_capability == 90 ? 1830e6 : 1856e6;  // boost under load
    const DeviceFigures found = round_trip(gpu).figures;
    EXPECT_NEAR(found.bf16_flops / known.bf16_flops, 1, 0.01) << name;
    EXPECT_NEAR(found.tf32_flops / known.tf32_flops, 1, 0.01) << name;
  }
}

TEST(PresentDeviceTest, SaysWhatWasReadAndWhatAssumed) {
  const std::string source = round_trip(a100()).figures.source;
  EXPECT_THAT(source, HasSubstr("read from the GPU (CUDA 13.0, cuDNN 9.19.0)"));
  EXPECT_THAT(source, HasSubstr("108 multiprocessors x 1410 MHz"));
  EXPECT_THAT(source, HasSubstr("2 x 1215 MHz x 5120 bits"));
  EXPECT_THAT(source, HasSubstr("assumed, since CUDA does not tell: NVLink and network, as for "
                                "NVIDIA A100-SXM4-80GB"));
}

TEST(PresentDeviceTest, TakesWhatCudaDoesNotTellFromTheNearestDevice) {
  PresentGpu gpu = a100();
  gpu.memory_clock = 0;
  gpu.compute_capability = 90;
  gpu.memory_bytes = 143e9;  // an H200's, rather than an H100's
  const DeviceDescription nearest = read_device("h200");
  const DeviceFigures found = round_trip(gpu).figures;
  EXPECT_EQ(found.memory_bandwidth, nearest.figures.memory_bandwidth);
  EXPECT_EQ(found.nvlink_bandwidth, nearest.figures.nvlink_bandwidth);
  EXPECT_EQ(found.network_latency, nearest.figures.network_latency);
  EXPECT_THAT(found.source, HasSubstr("memory bandwidth not told by CUDA, so that of NVIDIA H200"));
}

TEST(PresentDeviceTest, KindsInBetweenHaveTheRatesOfTheOlder) {
  PresentGpu gpu = a100();
  gpu.compute_capability = 87;
  EXPECT_THAT(round_trip(gpu).figures.source, HasSubstr("of compute capability 8.6"));
  gpu.compute_capability = 70;
  EXPECT_THROW(device_file(gpu), std::invalid_argument);
}

}  // namespace
}  // namespace resnext::net
