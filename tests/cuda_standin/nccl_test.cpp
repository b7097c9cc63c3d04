// The stand-in NCCL between processes of this host.

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <thread>
#include <vector>

#include <cuda_runtime_api.h>
#include <gtest/gtest.h>
#include <nccl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace resnext::standin {
namespace {

struct Rank {
  int rank = 0, size = 1;
  ncclComm_t comm = nullptr;
  cudaStream_t stream = nullptr;

  /// Non-blocking, and asked until it is there.
  ncclResult_t init(const ncclUniqueId& id, int device) {
    cudaSetDevice(device);
    cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 0;
    if (ncclCommInitRankConfig(&comm, size, id, rank, &config) != ncclInProgress) {
      return ncclInternalError;
    }
    return settle();
  }
  ncclResult_t settle() const {
    ncclResult_t state = ncclInProgress;
    while (state == ncclInProgress) ncclCommGetAsyncError(comm, &state);
    return state;
  }
};

/// Runs `body` as `size` processes; it returns whether all was right.
bool on_ranks(int size, const std::function<bool(Rank&, const ncclUniqueId&)>& body) {
  ncclUniqueId id;
  ncclGetUniqueId(&id);
  std::vector<pid_t> children;
  for (int rank = 0; rank < size; ++rank) {
    const pid_t child = fork();
    if (child == 0) {
      Rank self{rank, size};
      _exit(body(self, id) ? 0 : 1);
    }
    children.push_back(child);
  }
  bool right = true;
  for (const pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    right &= status == 0;
  }
  return right;
}

float* device_array(const std::vector<float>& values) {
  void* start = nullptr;
  ncclMemAlloc(&start, values.size() * sizeof(float));
  cudaMemcpy(start, values.data(), values.size() * sizeof(float), cudaMemcpyHostToDevice);
  cudaDeviceSynchronize();
  return static_cast<float*>(start);
}

std::vector<float> host_array(const float* start, std::size_t count, cudaStream_t stream) {
  std::vector<float> values(count);
  cudaMemcpyAsync(values.data(), start, count * sizeof(float), cudaMemcpyDeviceToHost, stream);
  return values;
}

class NcclTest : public testing::TestWithParam<int> {};

TEST_P(NcclTest, CollectivesGiveWhatTheyShould) {
  EXPECT_TRUE(on_ranks(GetParam(), [](Rank& self, const ncclUniqueId& id) {
    if (self.init(id, self.rank) != ncclSuccess) return false;
    const int n = self.size;
    std::vector<float> mine, sums, all;
    for (int i = 0; i < 2 * n; ++i) {
      mine.push_back(float(self.rank * 100 + i));
      sums.push_back(float(n * i + 100 * n * (n - 1) / 2));
    }
    float* values = device_array(mine);
    float* gathered = device_array(std::vector<float>(std::size_t(2 * n)));
    ncclAllReduce(values, values, mine.size(), ncclFloat32, ncclSum, self.comm, self.stream);
    if (self.settle() != ncclSuccess) return false;
    if (host_array(values, mine.size(), self.stream) != sums) return false;
    // Each rank's segment of n times the sums; all segments together.
    ncclReduceScatter(values, gathered + 2 * self.rank, 2, ncclFloat32, ncclAvg, self.comm,
                      self.stream);
    ncclAllGather(gathered + 2 * self.rank, gathered, 2, ncclFloat32, self.comm, self.stream);
    if (host_array(gathered, mine.size(), self.stream) != sums) return false;
    float* root = device_array({float(self.rank + 5)});
    ncclBroadcast(root, root, 1, ncclFloat32, n - 1, self.comm, self.stream);
    if (host_array(root, 1, self.stream)[0] != float(n + 4)) return false;
    ncclCommDestroy(self.comm);
    return true;
  }));
}

TEST_P(NcclTest, GroupedSendsAndReceivesExchange) {
  EXPECT_TRUE(on_ranks(GetParam(), [](Rank& self, const ncclUniqueId& id) {
    if (self.init(id, self.rank) != ncclSuccess) return false;
    std::vector<float> out, expected;
    for (int peer = 0; peer < self.size; ++peer) {
      out.push_back(float(10 * self.rank + peer));
      expected.push_back(float(10 * peer + self.rank));
    }
    float *from = device_array(out), *to = device_array(std::vector<float>(out.size()));
    ncclGroupStart();
    for (int peer = 0; peer < self.size; ++peer) {
      ncclSend(from + peer, 1, ncclFloat32, peer, self.comm, self.stream);
      ncclRecv(to + peer, 1, ncclFloat32, peer, self.comm, self.stream);
    }
    ncclGroupEnd();
    return self.settle() == ncclSuccess && host_array(to, out.size(), self.stream) == expected;
  }));
}

INSTANTIATE_TEST_SUITE_P(Ranks, NcclTest, testing::Values(1, 2, 4));

TEST(NcclFailureTest, AnAbortEndsWhatADeadRankHoldsUp) {
  EXPECT_TRUE(on_ranks(2, [](Rank& self, const ncclUniqueId& id) {
    if (self.init(id, self.rank) != ncclSuccess) return false;
    if (self.rank == 1) return true;  // dies
    float* value = device_array({1});
    cudaEvent_t done = nullptr;
    cudaEventCreateWithFlags(&done, cudaEventDisableTiming);
    ncclAllReduce(value, value, 1, ncclFloat32, ncclSum, self.comm, self.stream);
    cudaEventRecord(done, self.stream);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
    while (std::chrono::steady_clock::now() < deadline) {
      if (cudaEventQuery(done) != cudaErrorNotReady) return false;
    }
    ncclCommAbort(self.comm);
    return cudaStreamSynchronize(self.stream) == cudaSuccess;
  }));
}

TEST(NcclFailureTest, ReportsAnErrorWhereItIsToldTo) {
  setenv("STANDIN_NCCL_ERROR_AT", "1", 1);
  setenv("STANDIN_NCCL_ERROR_RANK", "1", 1);
  EXPECT_TRUE(on_ranks(2, [](Rank& self, const ncclUniqueId& id) {
    if (self.init(id, self.rank) != ncclSuccess) return false;
    float* value = device_array({1});
    for (int i = 0; i < 2; ++i) {
      ncclAllReduce(value, value, 1, ncclFloat32, ncclSum, self.comm, self.stream);
      if (i == 0 && self.settle() != ncclSuccess) return false;
      for (int k = 0; k < 200 && cudaStreamQuery(self.stream) == cudaErrorNotReady; ++k) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    }
    const bool stuck = cudaStreamQuery(self.stream) == cudaErrorNotReady;
    const ncclResult_t state = self.settle();
    ncclCommAbort(self.comm);
    return stuck && state == (self.rank == 1 ? ncclRemoteError : ncclSuccess);
  }));
  unsetenv("STANDIN_NCCL_ERROR_AT");
  unsetenv("STANDIN_NCCL_ERROR_RANK");
}

TEST(NcclFailureTest, RefusesTwoRanksOnOneGpu) {
  EXPECT_TRUE(on_ranks(
      2, [](Rank& self, const ncclUniqueId& id) { return self.init(id, 0) == ncclInvalidUsage; }));
}

}  // namespace
}  // namespace resnext::standin
