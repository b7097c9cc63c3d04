#pragma once
// Streams of the stand-in GPU: queues of work that nobody runs until somebody asks, and then in the
// order most likely to show a missing dependency (Configuration::order). All members are called
// with the scheduler locked.

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/cuda_standin/work_graph.h"

namespace resnext::standin {

/// What a stream does next: work, the record of an event, a wait for one, or a launched graph.
struct Action {
  std::string what;
  Attempt attempt;           ///< work
  CompletionPtr completion;  ///< recorded, or waited for
  bool waits = false;
  std::shared_ptr<GraphRun> graph;
};

struct Stream {
  int ordinal = 0;        ///< of creation; 0 is the legacy default stream
  std::string name;       ///< the program's; empty: none
  bool blocking = false;  ///< ordered against the legacy default stream
  std::deque<Action> queue;
  std::shared_ptr<Capture> capture;  ///< null: none
  std::vector<int> last;             ///< of the capture: what the next node depends on
  std::vector<int> dropped;          ///< and what it would, had a test not removed the wait
};

class StreamScheduler {
 public:
  StreamScheduler();

  std::recursive_mutex& mutex() { return mutex_; }
  Stream* stream(cudaStream_t handle);
  cudaStream_t create_stream(bool blocking);
  Event* create_event();

  cudaError_t work(Stream* stream, const std::string& what, std::function<Attempt()> make);
  cudaError_t record(Event* event, Stream* stream, bool external);
  cudaError_t wait(Stream* stream, Event* event, bool external);

  cudaError_t begin_capture(Stream* stream, cudaStreamCaptureMode mode);
  cudaError_t end_capture(Stream* stream, std::unique_ptr<WorkGraph>& graph);
  cudaError_t launch(const WorkGraph& graph, Stream* stream);
  /// What a call that a capture forbids has to return; such a call spoils the capture.
  cudaError_t forbid_during_capture();

  using Condition = std::function<bool()>;
  /// Runs `stream`, and all that it waits for, until `stop` or until it is empty. False where only
  /// another process can bring it further.
  bool drive(Stream* stream, const Condition& stop);
  /// As a host that waits: first lets other streams run ahead, as the order says; sleeps where
  /// another process is awaited, unlocked.
  void synchronize(Stream* stream, const Condition& stop);
  void synchronize_all();
  /// As time passing while a host polls.
  void pass_time(Stream* stream, const Condition& stop);
  void try_waiting_work();

  /// Whether a test has removed this wait, of a stream or of the host; every wait asks.
  bool dropped(const Stream& stream, const Event& event);
  bool dropped_by_host(const Event& event);
  bool dropped_by_host(const Stream& stream);
  const std::set<std::string>& sites() const { return sites_; }

 private:
  bool dropped(const std::string& site);
  void push(Stream* stream, Action action);
  void order_after(Stream* later, Stream* earlier);
  bool step(Stream* stream);
  void run_others(const Stream* except);
  void run_some();

  std::recursive_mutex mutex_;
  std::vector<std::unique_ptr<Stream>> streams_;
  std::vector<std::unique_ptr<Event>> events_;
  std::set<std::string> sites_;
  std::mt19937 random_;
  int captures_ = 0;
  bool running_ = false;
};

StreamScheduler& scheduler();

}  // namespace resnext::standin
