// The stand-in CUDA runtime and host kernels, by CUDA's own interface.

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include "tests/cuda_standin/sample_launches.h"

namespace resnext::standin {
namespace {

template <typename Value>
class OnDevice {
 public:
  explicit OnDevice(std::size_t count) : count_(count) {
    EXPECT_EQ(cudaMalloc(reinterpret_cast<void**>(&start_), count * sizeof(Value)), cudaSuccess);
  }
  explicit OnDevice(const std::vector<Value>& values) : OnDevice(values.size()) {
    cudaMemcpy(start_, values.data(), count_ * sizeof(Value), cudaMemcpyHostToDevice);
    cudaDeviceSynchronize();
  }
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;
  ~OnDevice() { cudaFree(start_); }
  Value* get() const { return start_; }
  std::vector<Value> host() const {
    std::vector<Value> values(count_);
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    cudaMemcpy(values.data(), start_, count_ * sizeof(Value), cudaMemcpyDeviceToHost);
    return values;
  }

 private:
  std::size_t count_;
  Value* start_ = nullptr;
};

class Stream {
 public:
  Stream() { cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() { cudaStreamDestroy(stream_); }
  operator cudaStream_t() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

cudaEvent_t new_event() {
  cudaEvent_t event = nullptr;
  cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
  return event;
}

TEST(MemoryTest, HoldsNanUntilWritten) {
  for (const float value : OnDevice<float>(100).host()) EXPECT_TRUE(std::isnan(value));
  for (const double value : OnDevice<double>(10).host()) EXPECT_TRUE(std::isnan(value));
}

TEST(MemoryTest, RefusesCopiesOutsideAnAllocation) {
  const OnDevice<float> memory(16);
  std::vector<float> host(17);
  EXPECT_EQ(cudaMemcpy(memory.get(), host.data(), 17 * 4, cudaMemcpyHostToDevice),
            cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(host.data(), memory.get() + 1, 16 * 4, cudaMemcpyDeviceToHost),
            cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(host.data(), host.data(), 4, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidValue);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
  EXPECT_STREQ(cudaGetErrorName(cudaErrorInvalidValue), "cudaErrorInvalidValue");
}

TEST(MemoryTest, NoticesWritesBehindAnAllocation) {
  EXPECT_DEATH(
      {
        void* start = nullptr;
        cudaMalloc(&start, 8);
        std::memset(start, 0, 9);
        cudaFree(start);
      },
      "wrote 0 bytes behind 8 bytes");
}

TEST(MemoryTest, CopiesRows) {
  const OnDevice<int> memory(std::vector<int>{1, 2, 3, 4, 5, 6});
  std::vector<int> columns(4);
  ASSERT_EQ(cudaMemcpy2D(columns.data(), 8, memory.get(), 12, 8, 2, cudaMemcpyDeviceToHost),
            cudaSuccess);
  EXPECT_EQ(columns, (std::vector<int>{1, 2, 4, 5}));
}

TEST(KernelTest, LoopsOverTheGrid) {
  std::vector<float> values(1000);
  std::iota(values.begin(), values.end(), 1.0F);
  const OnDevice<float> memory(values);
  sample::launch_scale(memory.get(), 3.0F, 1000, nullptr);
  ASSERT_EQ(cudaGetLastError(), cudaSuccess);
  for (float& value : values) value *= 3;
  EXPECT_EQ(memory.host(), values);
}

TEST(KernelTest, KeepsInstancesOfATemplateApart) {
  const OnDevice<double> memory(std::vector<double>{1e300});
  sample::launch_scale(memory.get(), 0.5, 1, nullptr);
  EXPECT_EQ(memory.host()[0], 5e299);
}

TEST(KernelTest, ReducesThroughWarpsAndSharedMemory) {
  std::vector<float> values(3 * 500);
  std::iota(values.begin(), values.end(), 0.0F);
  const OnDevice<float> memory(values), sums(3);
  sample::launch_sum_rows(memory.get(), sums.get(), 3, 500, nullptr);
  const std::vector<float> found = sums.host();
  for (std::size_t row = 0; row < 3; ++row) {
    const float expected = std::accumulate(values.begin() + long(row) * 500,
                                           values.begin() + long(row + 1) * 500, 0.F);
    EXPECT_FLOAT_EQ(found[row], expected);
  }
}

TEST(KernelTest, OffersDynamicSharedMemory) {
  const OnDevice<double> memory(std::vector<double>{1, 2, 3, 4, 5, 6});
  sample::launch_reverse(memory.get(), 2, 3, nullptr);
  EXPECT_EQ(memory.host(), (std::vector<double>{3, 2, 1, 6, 5, 4}));
}

TEST(KernelTest, CountsAtomically) {
  std::vector<int> values(300);
  for (int i = 0; i < 300; ++i) values[std::size_t(i)] = i % 3 - 1;
  const OnDevice<int> memory(values), count(std::vector<int>{0});
  sample::launch_count_positive(memory.get(), count.get(), 300, nullptr);
  EXPECT_EQ(count.host()[0], 100);
}

TEST(KernelTest, NoticesADivergentBarrier) {
  const OnDevice<int> memory(64);
  EXPECT_DEATH(
      {
        sample::launch_diverge(memory.get(), nullptr);
        cudaDeviceSynchronize();
      },
      "diverge.*divergent barrier");
}

TEST(KernelTest, ForgetsSharedMemoryBetweenBlocks) {
  const OnDevice<float> memory(64);
  sample::launch_read_shared_of_another_block(memory.get(), nullptr);
  const std::vector<float> values = memory.host();
  EXPECT_EQ(values[0], 5);
  EXPECT_TRUE(std::isnan(values[32]));
}

TEST(StreamTest, RunsNothingBeforeSomebodyWaits) {
  const Stream stream;
  const cudaEvent_t done = new_event();
  const OnDevice<float> memory(std::vector<float>{1});
  float* pinned = nullptr;
  ASSERT_EQ(cudaMallocHost(reinterpret_cast<void**>(&pinned), 4), cudaSuccess);
  cudaMemcpyAsync(pinned, memory.get(), 4, cudaMemcpyDeviceToHost, stream);
  cudaEventRecord(done, stream);
  const char* order = std::getenv("STANDIN_ORDER");
  if (order == nullptr || order == std::string("lazy")) {
    EXPECT_TRUE(std::isnan(*pinned));
  }
  EXPECT_EQ(cudaEventQuery(done), cudaErrorNotReady);
  while (cudaEventQuery(done) != cudaSuccess) continue;
  EXPECT_EQ(*pinned, 1);
  cudaFreeHost(pinned);
}

TEST(StreamTest, OrdersBlockingStreamsWithTheDefaultStream) {
  cudaStream_t blocking = nullptr;
  cudaStreamCreate(&blocking);
  const OnDevice<float> memory(std::vector<float>{1});
  sample::launch_scale(memory.get(), 2, 1, blocking);
  cudaMemsetAsync(memory.get(), 0, 4, nullptr);
  sample::launch_scale(memory.get(), 3, 1, blocking);
  EXPECT_EQ(memory.host()[0], 0);
}

/// scale in two streams that fork from the first and join it.
cudaGraphExec_t captured(const Stream& first, const Stream& second, float* memory, cudaEvent_t fork,
                         cudaEvent_t join, cudaEvent_t external) {
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t executable = nullptr;
  EXPECT_EQ(cudaStreamBeginCapture(first, cudaStreamCaptureModeThreadLocal), cudaSuccess);
  sample::launch_scale(memory, 2, 1, first);
  cudaEventRecord(fork, first);
  cudaStreamWaitEvent(second, fork, 0);
  sample::launch_scale(memory, 3, 1, second);
  EXPECT_EQ(cudaEventRecordWithFlags(external, second, cudaEventRecordExternal), cudaSuccess);
  cudaEventRecord(join, second);
  cudaStreamWaitEvent(first, join, 0);
  cudaMemcpyAsync(memory + 1, memory, 4, cudaMemcpyDeviceToDevice, first);
  EXPECT_EQ(cudaStreamEndCapture(first, &graph), cudaSuccess);
  EXPECT_EQ(cudaGraphInstantiate(&executable, graph, 0), cudaSuccess);
  cudaGraphDestroy(graph);
  return executable;
}

TEST(CaptureTest, RunsAtEachLaunchOnly) {
  const Stream first, second;
  const cudaEvent_t external = new_event();
  const OnDevice<float> memory(std::vector<float>{1, 0});
  const cudaGraphExec_t graph =
      captured(first, second, memory.get(), new_event(), new_event(), external);
  EXPECT_EQ(memory.host(), (std::vector<float>{1, 0}));
  cudaGraphLaunch(graph, first);
  cudaGraphLaunch(graph, first);
  EXPECT_EQ(cudaEventSynchronize(external), cudaSuccess);
  EXPECT_EQ(memory.host(), (std::vector<float>{36, 36}));
  cudaGraphExecDestroy(graph);
}

TEST(CaptureTest, RefusesWhatCudaRefuses) {
  const Stream first, second;
  const cudaEvent_t fork = new_event();
  const OnDevice<float> memory(std::vector<float>{1});
  cudaGraph_t graph = nullptr;
  cudaStreamBeginCapture(first, cudaStreamCaptureModeGlobal);
  cudaEventRecord(fork, first);
  cudaStreamWaitEvent(second, fork, 0);
  sample::launch_scale(memory.get(), 2, 1, second);
  cudaGetLastError();
  EXPECT_EQ(cudaStreamEndCapture(first, &graph), cudaErrorStreamCaptureUnjoined);

  cudaStreamBeginCapture(first, cudaStreamCaptureModeGlobal);
  void* start = nullptr;
  EXPECT_EQ(cudaMalloc(&start, 4), cudaErrorStreamCaptureUnsupported);
  EXPECT_EQ(cudaStreamEndCapture(first, &graph), cudaErrorStreamCaptureInvalidated);
}

}  // namespace
}  // namespace resnext::standin
