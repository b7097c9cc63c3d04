#include "tests/cuda_standin/stream_scheduler.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <thread>
#include <utility>

#include <unistd.h>

#include "tests/cuda_standin/device_memory.h"
#include "tests/cuda_standin/nvtx_names.h"

namespace resnext::standin {
namespace {

void write_sites() {
  if (configuration().list_waits.empty()) return;
  std::ofstream file(configuration().list_waits + "." + std::to_string(getpid()));
  for (const std::string& site : scheduler().sites()) file << site << '\n';
}

template <typename Named>
std::string name_of(const Named& named) {
  return named.name.empty() ? std::to_string(named.ordinal) : named.name;
}

void add_all(std::vector<int>& to, const std::vector<int>& nodes) {
  for (const int node : nodes) {
    if (std::ranges::find(to, node) == to.end()) to.push_back(node);
  }
}

}  // namespace

StreamScheduler::StreamScheduler() : random_(configuration().seed) {
  streams_.push_back(std::make_unique<Stream>());
  std::atexit(write_sites);
}

Stream* StreamScheduler::stream(cudaStream_t handle) {
  if (handle == nullptr || handle == cudaStreamLegacy || handle == cudaStreamPerThread) {
    return streams_.front().get();
  }
  return reinterpret_cast<Stream*>(handle);
}

cudaStream_t StreamScheduler::create_stream(bool blocking) {
  auto& created = streams_.emplace_back(std::make_unique<Stream>());
  created->ordinal = static_cast<int>(streams_.size()) - 1;
  created->blocking = blocking;
  return reinterpret_cast<cudaStream_t>(created.get());
}

Event* StreamScheduler::create_event() {
  auto& created = events_.emplace_back(std::make_unique<Event>());
  created->ordinal = static_cast<int>(events_.size());
  return created.get();
}

// Issuing -----------------------------------------------------------------------------------------

void StreamScheduler::order_after(Stream* later, Stream* earlier) {
  if (earlier->queue.empty()) return;
  const auto completion = std::make_shared<Completion>(Completion{earlier});
  earlier->queue.push_back({"default stream's record", nullptr, completion, false, nullptr});
  later->queue.push_back({"default stream's wait", nullptr, completion, true, nullptr});
}

void StreamScheduler::push(Stream* stream, Action action) {
  Stream* legacy = streams_.front().get();
  if (stream == legacy) {
    for (const auto& other : streams_) {
      if (other->blocking) order_after(legacy, other.get());
    }
  } else if (stream->blocking) {
    order_after(stream, legacy);
  }
  stream->queue.push_back(std::move(action));
  if (configuration().order == Order::kRandom && random_() % 4 == 0) run_some();
}

cudaError_t StreamScheduler::work(Stream* stream, const std::string& what,
                                  std::function<Attempt()> make) {
  if (running_) return cudaErrorNotPermitted;  // a host function may not call CUDA
  if (stream->capture == nullptr) {
    if (stream->ordinal == 0 && captures_ > 0) return cudaErrorStreamCaptureImplicit;
    push(stream, {what, make(), nullptr, false, nullptr});
    return cudaSuccess;
  }
  WorkGraph& graph = stream->capture->graph;
  WorkGraph::Node node;
  node.what = what;
  node.make = std::move(make);
  node.in_first_stream = stream == stream->capture->first;
  node.dependencies = stream->last;
  node.dropped = std::exchange(stream->dropped, {});
  graph.nodes.push_back(std::move(node));
  stream->last = {static_cast<int>(graph.nodes.size()) - 1};
  return cudaSuccess;
}

cudaError_t StreamScheduler::record(Event* event, Stream* stream, bool external) {
  if (stream->capture == nullptr) {
    event->capture = nullptr;
    event->completion = std::make_shared<Completion>(Completion{stream});
    push(stream, {"record", nullptr, event->completion, false, nullptr});
    return cudaSuccess;
  }
  if (external) {
    const cudaError_t status = work(stream, "external record", nullptr);
    if (status == cudaSuccess) stream->capture->graph.nodes.back().records = event;
    return status;
  }
  event->capture = stream->capture;
  event->captured = stream->last;
  add_all(event->captured, stream->dropped);
  return cudaSuccess;
}

cudaError_t StreamScheduler::wait(Stream* stream, Event* event, bool external) {
  const bool removed = dropped(*stream, *event);
  if (external && stream->capture != nullptr) {
    if (removed) return cudaSuccess;
    const cudaError_t status = work(stream, "external wait", nullptr);
    if (status == cudaSuccess) stream->capture->graph.nodes.back().awaits = event;
    return status;
  }
  if (event->capture != nullptr) {
    if (event->capture->ended) return cudaErrorCapturedEvent;
    if (stream->capture == nullptr) stream->capture = event->capture;
    if (stream->capture != event->capture) return cudaErrorStreamCaptureIsolation;
    add_all(removed ? stream->dropped : stream->last, event->captured);
    return cudaSuccess;
  }
  if (stream->capture != nullptr) return cudaErrorStreamCaptureIsolation;
  if (!removed && event->completion != nullptr && !event->completion->done) {
    push(stream, {"wait", nullptr, event->completion, true, nullptr});
  }
  return cudaSuccess;
}

// What waits are called: by the program's names, else by numbers.

bool StreamScheduler::dropped(const std::string& site) {
  sites_.insert(site);
  return site == configuration().drop_wait;
}

bool StreamScheduler::dropped(const Stream& stream, const Event& event) {
  return dropped(name_of(stream) + ":" + name_of(event));
}

bool StreamScheduler::dropped_by_host(const Event& event) {
  return dropped("host:" + name_of(event));
}

bool StreamScheduler::dropped_by_host(const Stream& stream) {
  if (stream.name.empty()) return dropped("host:stream" + std::to_string(stream.ordinal));
  const std::string range = present_range();
  return dropped("host:" + stream.name + (range.empty() ? "" : ", " + range));
}

// Capturing ---------------------------------------------------------------------------------------

cudaError_t StreamScheduler::begin_capture(Stream* stream, cudaStreamCaptureMode mode) {
  if (stream->ordinal == 0) return cudaErrorStreamCaptureUnsupported;
  if (stream->capture != nullptr) return cudaErrorIllegalState;
  stream->capture = std::make_shared<Capture>();
  stream->capture->first = stream;
  stream->capture->mode = mode;
  ++captures_;
  return cudaSuccess;
}

cudaError_t StreamScheduler::end_capture(Stream* stream, std::unique_ptr<WorkGraph>& graph) {
  const std::shared_ptr<Capture> capture = stream->capture;
  if (capture == nullptr) return cudaErrorIllegalState;
  if (capture->first != stream) return cudaErrorStreamCaptureUnmatched;
  std::vector<int> last = stream->last;
  add_all(last, stream->dropped);
  capture->ended = true;
  --captures_;
  for (const auto& each : streams_) {
    if (each->capture != capture) continue;
    each->capture = nullptr;
    each->last.clear();
    each->dropped.clear();
  }
  // Events stay bound to the ended capture, as with CUDA: waiting for one outside is an error
  // until it is recorded anew.
  if (capture->invalid) return cudaErrorStreamCaptureInvalidated;
  if (!capture->graph.all_lead_to(last)) return cudaErrorStreamCaptureUnjoined;
  graph = std::make_unique<WorkGraph>(capture->graph);
  return cudaSuccess;
}

cudaError_t StreamScheduler::launch(const WorkGraph& graph, Stream* stream) {
  if (stream->capture != nullptr) return cudaErrorStreamCaptureUnsupported;
  push(stream, {"graph", nullptr, nullptr, false, std::make_shared<GraphRun>(graph, stream)});
  return cudaSuccess;
}

cudaError_t StreamScheduler::forbid_during_capture() {
  bool forbidden = false;
  for (const auto& stream : streams_) {
    if (stream->capture == nullptr || stream->capture->mode == cudaStreamCaptureModeRelaxed) {
      continue;
    }
    stream->capture->invalid = forbidden = true;
  }
  return forbidden ? cudaErrorStreamCaptureUnsupported : cudaSuccess;
}

// Running -----------------------------------------------------------------------------------------

bool StreamScheduler::step(Stream* stream) {
  if (stream->queue.empty() || running_) return false;
  Action& action = stream->queue.front();
  if (action.graph != nullptr) {
    running_ = true;
    const bool moved = action.graph->advance(configuration().order, random_);
    running_ = false;
    const bool finished = action.graph->finished();
    if (finished) stream->queue.pop_front();
    return moved || finished;
  }
  if (action.attempt != nullptr) {
    running_ = true;
    const bool done = action.attempt();
    running_ = false;
    if (!done) return false;
  } else if (action.waits && !action.completion->done) {
    return false;
  } else {
    action.completion->done = true;
  }
  if (configuration().trace) {
    std::fprintf(stderr, "[standin] stream %d: %s\n", stream->ordinal, action.what.c_str());
  }
  stream->queue.pop_front();
  return true;
}

bool StreamScheduler::drive(Stream* stream, const Condition& stop) {
  while (!stop() && !stream->queue.empty()) {
    if (configuration().order == Order::kYoungest) run_others(stream);
    if (step(stream)) continue;
    const Action& action = stream->queue.front();
    const CompletionPtr awaited =
        action.graph != nullptr ? action.graph->blocked_on() : action.completion;
    if (awaited == nullptr || awaited->stream == stream) return false;
    if (!drive(awaited->stream, [&] { return awaited->done; })) return false;
  }
  return true;
}

/// The youngest first: a program that makes its main stream first sees it come last.
void StreamScheduler::run_others(const Stream* except) {
  for (bool moved = true; moved;) {
    moved = false;
    for (std::size_t i = streams_.size(); i-- > 0;) {
      Stream* const stream = streams_[i].get();
      while (stream != except && step(stream)) moved = true;
    }
  }
}

void StreamScheduler::run_some() {
  const std::size_t steps = random_() % 16;
  for (std::size_t i = 0; i < steps; ++i) step(streams_[random_() % streams_.size()].get());
}

void StreamScheduler::try_waiting_work() {
  for (const auto& stream : streams_) {
    if (!stream->queue.empty() && stream->queue.front().what.starts_with("nccl")) {
      step(stream.get());
    }
  }
}

void StreamScheduler::pass_time(Stream* stream, const Condition& stop) {
  if (configuration().order == Order::kOthers) run_others(stream);
  if (configuration().order == Order::kRandom) run_some();
  if (!drive(stream, stop)) try_waiting_work();
}

void StreamScheduler::synchronize(Stream* stream, const Condition& stop) {
  if (configuration().order == Order::kOthers) run_others(stream);
  if (configuration().order == Order::kRandom) run_some();
  while (!drive(stream, stop)) {
    try_waiting_work();
    mutex_.unlock();
    std::this_thread::sleep_for(std::chrono::microseconds(50));
    mutex_.lock();
  }
}

void StreamScheduler::synchronize_all() {
  // Whatever the order of streams, each is driven with what it needs.
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    synchronize(streams_[i].get(), [] { return false; });
  }
  device_memory().check_guards();
}

StreamScheduler& scheduler() {
  static auto* const instance = new StreamScheduler;  // other libraries' destructors may still ask
  return *instance;
}

cudaError_t enqueue_attempts(cudaStream_t stream, const std::string& what,
                             std::function<Attempt()> make) {
  const std::string& failing = configuration().launch_error;
  if (!failing.empty() && what.find(failing) != std::string::npos) return cudaErrorLaunchFailure;
  const std::lock_guard lock(scheduler().mutex());
  return scheduler().work(scheduler().stream(stream), what, std::move(make));
}

cudaError_t enqueue(cudaStream_t stream, const std::string& what, std::function<void()> work) {
  return enqueue_attempts(stream, what, [work = std::move(work)]() -> Attempt {
    return [work] {
      work();
      return true;
    };
  });
}

void try_waiting_work() {
  const std::lock_guard lock(scheduler().mutex());
  scheduler().try_waiting_work();
}

}  // namespace resnext::standin
