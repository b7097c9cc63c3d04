// What the environment asks of the stand-in GPUs. Each test runs in a process that has not read it.

#include <cstdlib>
#include <initializer_list>
#include <string>
#include <utility>

#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

namespace resnext::standin {
namespace {

/// Whether `body` holds in a child with these variables. In the "threadsafe" style it is a new
/// process, so that nothing of this one counts.
#define EXPECT_WITH(name, value, condition) \
  EXPECT_EXIT(                              \
      {                                     \
        setenv(name, value, 1);             \
        std::exit((condition) ? 0 : 1);     \
      },                                    \
      testing::ExitedWithCode(0), "")

int device_count() {
  int count = -1;
  cudaGetDeviceCount(&count);
  return count;
}

TEST(EnvironmentTest, CountsDevices) {
  EXPECT_WITH("STANDIN_DEVICES", "3", device_count() == 3);
  EXPECT_WITH("STANDIN_DEVICES", "0", cudaSetDevice(0) == cudaErrorNoDevice && device_count() == 0);
  EXPECT_WITH("CUDA_VISIBLE_DEVICES", "", device_count() == 0);
  EXPECT_WITH("CUDA_VISIBLE_DEVICES", "0,7", device_count() == 1);
}

TEST(EnvironmentTest, KeepsPhysicalGpusApart) {
  setenv("STANDIN_DEVICES", "4", 1);
  EXPECT_WITH("CUDA_VISIBLE_DEVICES", "2", [] {
    char id[32];
    return cudaDeviceGetPCIBusId(id, sizeof id, 0) == cudaSuccess &&
           id == std::string("0000:12:00.0");
  }());
  unsetenv("STANDIN_DEVICES");
}

TEST(EnvironmentTest, RefusesAnOldDriver) {
  int count = 0;
  EXPECT_WITH("STANDIN_DRIVER", "12040", cudaGetDeviceCount(&count) == cudaErrorInsufficientDriver);
}

TEST(EnvironmentTest, TellsItsGeneration) {
  int major = 0;
  EXPECT_WITH("STANDIN_SM", "70",
              cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0) == cudaSuccess &&
                  major == 7);
}

TEST(EnvironmentTest, RunsOutOfMemory) {
  void* start = nullptr;
  std::size_t available = 0, total = 0;
  EXPECT_WITH("STANDIN_MEMORY", "1000",
              cudaMalloc(&start, 600) == cudaSuccess &&
                  cudaMalloc(&start, 600) == cudaErrorMemoryAllocation &&
                  cudaMemGetInfo(&available, &total) == cudaSuccess && available == 400 &&
                  total == 1000);
}

}  // namespace
}  // namespace resnext::standin
