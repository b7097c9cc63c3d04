// The CUDA runtime's functions about streams, events and graphs.

#include <chrono>
#include <memory>
#include <string>

#include "tests/cuda_standin/cudart_status.h"
#include "tests/cuda_standin/standin.h"
#include "tests/cuda_standin/stream_scheduler.h"

namespace resnext::standin {
namespace {

Event* event_of(cudaEvent_t handle) {
  return reinterpret_cast<Event*>(handle);
}

/// Work that has been queued is never finished at the first question: a host that never asks
/// again is wrong.
template <typename Done>
cudaError_t query(Stream* stream, const Done& done) {
  if (done()) return cudaSuccess;
  scheduler().pass_time(stream, done);
  return cudaErrorNotReady;
}

template <typename Call>
cudaError_t locked(Call call) {
  if (device_status() != cudaSuccess) return remember(device_status());
  const std::lock_guard lock(scheduler().mutex());
  return remember(call());
}

}  // namespace
}  // namespace resnext::standin

using namespace resnext::standin;

extern "C" {

cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned flags, int) {
  return locked([&] {
    *stream = scheduler().create_stream((flags & cudaStreamNonBlocking) == 0);
    return cudaSuccess;
  });
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  return cudaStreamCreateWithPriority(stream, flags, 0);
}

cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  return cudaStreamCreateWithPriority(stream, cudaStreamDefault, 0);
}

// What is queued still runs: the stream stays, nobody else knows it any more.
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  return locked([&] {
    scheduler().pass_time(scheduler().stream(stream), [] { return false; });
    return cudaSuccess;
  });
}

cudaError_t cudaStreamSynchronize(cudaStream_t handle) {
  return locked([&] {
    Stream* stream = scheduler().stream(handle);
    if (stream->capture != nullptr) return cudaErrorStreamCaptureUnsupported;
    if (scheduler().dropped_by_host(*stream)) return cudaSuccess;
    scheduler().synchronize(stream, [] { return false; });
    return cudaSuccess;
  });
}

cudaError_t cudaStreamQuery(cudaStream_t handle) {
  return locked([&] {
    Stream* stream = scheduler().stream(handle);
    if (stream->capture != nullptr) return cudaErrorStreamCaptureUnsupported;
    if (scheduler().dropped_by_host(*stream)) return cudaSuccess;
    return query(stream, [&] { return stream->queue.empty(); });
  });
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags) {
  return locked([&] {
    return scheduler().wait(scheduler().stream(stream), event_of(event),
                            (flags & cudaEventWaitExternal) != 0);
  });
}

cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void* argument) {
  return remember(enqueue(stream, "host function", [=] { function(argument); }));
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  return locked([&] {
    *event = reinterpret_cast<cudaEvent_t>(scheduler().create_event());
    return cudaSuccess;
  });
}

cudaError_t cudaEventCreate(cudaEvent_t* event) {
  return cudaEventCreateWithFlags(event, cudaEventDefault);
}

// Its number stays taken, so that sites keep their names.
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  return event != nullptr ? cudaSuccess : remember(cudaErrorInvalidValue);
}

cudaError_t cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream, unsigned flags) {
  return locked([&] {
    return scheduler().record(event_of(event), scheduler().stream(stream),
                              (flags & cudaEventRecordExternal) != 0);
  });
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return cudaEventRecordWithFlags(event, stream, cudaEventRecordDefault);
}

cudaError_t cudaEventSynchronize(cudaEvent_t handle) {
  return locked([&] {
    const Event* event = event_of(handle);
    if (event->capture != nullptr) return cudaErrorCapturedEvent;
    if (scheduler().dropped_by_host(*event)) return cudaSuccess;
    const CompletionPtr completion = event->completion;
    if (completion != nullptr) {
      scheduler().synchronize(completion->stream, [&] { return completion->done; });
    }
    return cudaSuccess;
  });
}

cudaError_t cudaEventQuery(cudaEvent_t handle) {
  return locked([&] {
    const Event* event = event_of(handle);
    if (event->capture != nullptr) return cudaErrorCapturedEvent;
    const CompletionPtr completion = event->completion;
    if (completion == nullptr || scheduler().dropped_by_host(*event)) return cudaSuccess;
    return query(completion->stream, [&] { return completion->done; });
  });
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t, cudaEvent_t) {
  *milliseconds = 1;  // of a GPU that takes no time
  return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  return locked([&] { return scheduler().begin_capture(scheduler().stream(stream), mode); });
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  return locked([&] {
    *graph = nullptr;
    std::unique_ptr<WorkGraph> captured;
    const cudaError_t status = scheduler().end_capture(scheduler().stream(stream), captured);
    *graph = reinterpret_cast<cudaGraph_t>(captured.release());
    return status;
  });
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  return locked([&] {
    const auto& capture = scheduler().stream(stream)->capture;
    *status = capture == nullptr ? cudaStreamCaptureStatusNone
              : capture->invalid ? cudaStreamCaptureStatusInvalidated
                                 : cudaStreamCaptureStatusActive;
    return cudaSuccess;
  });
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph,
                                 unsigned long long) {
  if (graph == nullptr) return remember(cudaErrorInvalidValue);
  auto copy = std::make_unique<WorkGraph>(*reinterpret_cast<const WorkGraph*>(graph));
  *executable = reinterpret_cast<cudaGraphExec_t>(copy.release());
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t* executable, cudaGraph_t graph,
                                          unsigned long long flags) {
  return cudaGraphInstantiate(executable, graph, flags);
}

cudaError_t cudaGraphUpload(cudaGraphExec_t, cudaStream_t) {
  return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  return locked([&] {
    return scheduler().launch(*reinterpret_cast<const WorkGraph*>(executable),
                              scheduler().stream(stream));
  });
}

cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, std::size_t* count) {
  if (nodes != nullptr) return remember(cudaErrorInvalidValue);  // only the count is offered
  *count = reinterpret_cast<const WorkGraph*>(graph)->nodes.size();
  return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  const std::unique_ptr<WorkGraph> owner(reinterpret_cast<WorkGraph*>(executable));
  return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  const std::unique_ptr<WorkGraph> owner(reinterpret_cast<WorkGraph*>(graph));
  return cudaSuccess;
}
}
