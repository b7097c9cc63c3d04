// A program of the kind that trains: copies, computation and their consumer on three streams, tied
// by events. Prints "right" or "wrong"; `graph` as the argument captures each step.

#include <cmath>
#include <cstdio>
#include <cstring>
#include <vector>

#include <cuda_runtime_api.h>

#include "tests/cuda_standin/sample_launches.h"

namespace {

constexpr int kRows = 4, kColumns = 100, kSteps = 5, kValues = kRows * kColumns;

struct Pipeline {
  cudaStream_t copying = nullptr, computing = nullptr, consuming = nullptr;
  cudaEvent_t arrived = nullptr, read = nullptr, computed = nullptr, consumed = nullptr;
  float *host = nullptr, *results = nullptr;  // pinned; results of all steps
  float *input = nullptr, *sums = nullptr;    // on the device
  Pipeline() {
    for (cudaStream_t* stream : {&copying, &computing, &consuming}) {
      cudaStreamCreateWithFlags(stream, cudaStreamNonBlocking);
    }
    for (cudaEvent_t* event : {&arrived, &read, &computed, &consumed}) {
      cudaEventCreateWithFlags(event, cudaEventDisableTiming);
    }
    cudaMallocHost(reinterpret_cast<void**>(&host), kSteps * kValues * sizeof(float));
    cudaMallocHost(reinterpret_cast<void**>(&results), kSteps * kRows * sizeof(float));
    cudaMalloc(reinterpret_cast<void**>(&input), kValues * sizeof(float));
    cudaMalloc(reinterpret_cast<void**>(&sums), kRows * sizeof(float));
  }
  void step(int number) const {
    if (number > 0) cudaStreamWaitEvent(copying, read, 0);
    cudaMemcpyAsync(input, host + number * kValues, kValues * sizeof(float), cudaMemcpyHostToDevice,
                    copying);
    cudaEventRecord(arrived, copying);
    cudaStreamWaitEvent(computing, arrived, 0);
    if (number > 0) cudaStreamWaitEvent(computing, consumed, 0);
    resnext::standin::sample::launch_sum_rows(input, sums, kRows, kColumns, computing);
    cudaEventRecord(read, computing);
    cudaEventRecord(computed, computing);
    cudaStreamWaitEvent(consuming, computed, 0);
    cudaMemcpyAsync(results + number * kRows, sums, kRows * sizeof(float), cudaMemcpyDeviceToHost,
                    consuming);
    cudaEventRecord(consumed, consuming);
  }
  bool right() const {
    for (int row = 0; row < kSteps * kRows; ++row) {
      double sum = 0;
      for (int i = 0; i < kColumns; ++i) sum += host[row * kColumns + i];
      if (!(std::abs(sum - results[row]) < 1e-3)) return false;
    }
    return true;
  }
};

/// The whole in one graph, forked from and joined to the copying stream.
void capture_and_launch(const Pipeline& pipeline) {
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t executable = nullptr;
  cudaStreamBeginCapture(pipeline.copying, cudaStreamCaptureModeThreadLocal);
  for (int i = 0; i < kSteps; ++i) pipeline.step(i);
  cudaStreamWaitEvent(pipeline.copying, pipeline.consumed, 0);
  if (cudaStreamEndCapture(pipeline.copying, &graph) != cudaSuccess ||
      cudaGraphInstantiate(&executable, graph, 0) != cudaSuccess) {
    std::puts("capture failed");
    return;
  }
  cudaGraphLaunch(executable, pipeline.copying);
  cudaStreamSynchronize(pipeline.copying);
}

}  // namespace

int main(int count, char** arguments) {
  const Pipeline pipeline;
  for (int i = 0; i < kSteps * kValues; ++i) pipeline.host[i] = std::sin(0.37F * float(i));
  if (count > 1 && std::strcmp(arguments[1], "graph") == 0) {
    capture_and_launch(pipeline);
  } else {
    for (int i = 0; i < kSteps; ++i) pipeline.step(i);
    cudaEventSynchronize(pipeline.consumed);
  }
  std::puts(pipeline.right() ? "right" : "wrong");
}
