#pragma once
// What a stream capture records, and one launch of it.

#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/cuda_standin/configuration.h"
#include "tests/cuda_standin/standin.h"

namespace resnext::standin {

struct Stream;

/// One recording of an event; those who wait hold it, whatever happens to the event later.
struct Completion {
  Stream* stream = nullptr;  ///< that will record it
  bool done = false;
};
using CompletionPtr = std::shared_ptr<Completion>;

struct Event {
  int ordinal = 0;                          ///< of creation, from 1
  std::string name;                         ///< the program's; empty: none
  CompletionPtr completion;                 ///< of the last record; null before
  std::shared_ptr<struct Capture> capture;  ///< that the last record was part of
  std::vector<int> captured;                ///< nodes that it then stood for
};

/// A directed acyclic graph of work.
struct WorkGraph {
  struct Node {
    std::string what;
    std::function<Attempt()> make;  ///< work; empty for the two below
    Event* records = nullptr;       ///< an external event that the node records
    Event* awaits = nullptr;        ///< an external event that the node waits for
    bool in_first_stream = true;    ///< of the one that began the capture
    std::vector<int> dependencies;
    std::vector<int> dropped;  ///< dependencies that a test has removed
  };
  std::vector<Node> nodes;

  /// Whether all nodes come before (or are) one of `last`, removed dependencies included.
  bool all_lead_to(const std::vector<int>& last) const;
};

struct Capture {
  WorkGraph graph;
  Stream* first = nullptr;
  cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  bool invalid = false;
  bool ended = false;
};

/// One launch: nodes run one at a time, as adversarially as their dependencies allow.
class GraphRun {
 public:
  GraphRun(const WorkGraph& graph, Stream* stream);

  /// Runs one node. False where none can be done now.
  bool advance(Order order, std::mt19937& random);
  bool finished() const { return left_ == 0; }
  /// What an external wait stands still for; null if nothing.
  CompletionPtr blocked_on() const;

 private:
  struct State {
    Attempt attempt;
    CompletionPtr awaited;
    std::vector<int> dependencies;
    std::string what;
    bool in_first_stream = true;
    bool done = false;
  };
  std::vector<std::size_t> candidates() const;

  std::vector<State> states_;
  std::size_t left_;
};

}  // namespace resnext::standin
