// What the environment asks of the stand-in GPUs. Each test runs in a process that has not read it.

#include <cstdlib>
#include <initializer_list>
#include <string>
#include <utility>

#include <cuda_runtime_api.h>
#include <gtest/gtest.h>
#include <nvtx3/nvToolsExt.h>
#include <nvtx3/nvToolsExtCudaRt.h>

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

/// Copies a value of pageable memory there and back, with a change behind the first call's back.
bool sees_what_is_written_late() {
  int value = 1, result = 0;
  void* device = nullptr;
  cudaStream_t stream = nullptr;
  if (cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) != cudaSuccess ||
      cudaMalloc(&device, sizeof value) != cudaSuccess) {
    return false;
  }
  cudaMemcpyAsync(device, &value, sizeof value, cudaMemcpyDefault, stream);
  value = 2;
  cudaMemcpyAsync(&result, device, sizeof value, cudaMemcpyDefault, stream);
  const bool waited = result != 0;
  cudaStreamSynchronize(stream);
  return !waited && result == 2;
}

TEST(EnvironmentTest, CopiesPageableMemoryAtOnceOrLate) {
  EXPECT_WITH("STANDIN_PAGEABLE", "late", sees_what_is_written_late());
  EXPECT_WITH("STANDIN_PAGEABLE", "staged", !sees_what_is_written_late());
}

void set_to_one(void* value) {
  *static_cast<int*>(value) = 1;
}

/// Of a host that waits for a named event.
bool drops_a_wait_by_its_name() {
  cudaStream_t stream = nullptr;
  cudaEvent_t event = nullptr;
  cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  cudaEventCreate(&event);
  nvtxNameCudaEventA(event, "the end");
  int value = 0;
  cudaLaunchHostFunc(stream, set_to_one, &value);
  cudaEventRecord(event, stream);
  cudaEventSynchronize(event);
  const bool dropped = value == 0;
  cudaStreamSynchronize(stream);
  return dropped && value == 1;
}

TEST(EnvironmentTest, DropsAWaitByTheNameThatProfilersSee) {
  EXPECT_WITH("STANDIN_DROP_WAIT", "host:the end", drops_a_wait_by_its_name());
  EXPECT_WITH("STANDIN_DROP_WAIT", "host:the beginning", !drops_a_wait_by_its_name());
}

/// Of a host that waits for a named stream, within a named range.
bool drops_a_wait_by_its_range() {
  cudaStream_t stream = nullptr;
  cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  nvtxNameCudaStreamA(stream, "first");
  int value = 0;
  cudaLaunchHostFunc(stream, set_to_one, &value);
  nvtxRangePushA("the end");
  cudaStreamSynchronize(stream);
  const bool dropped = value == 0;
  nvtxRangePop();
  cudaStreamSynchronize(stream);
  return dropped && value == 1;
}

TEST(EnvironmentTest, TellsWaitsForAStreamApartByTheirRanges) {
  EXPECT_WITH("STANDIN_DROP_WAIT", "host:first, the end", drops_a_wait_by_its_range());
  EXPECT_WITH("STANDIN_DROP_WAIT", "host:first, the beginning", !drops_a_wait_by_its_range());
}

}  // namespace
}  // namespace resnext::standin
