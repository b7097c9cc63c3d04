#pragma once
// Signals that end a sweep early.

#include <csignal>

namespace resnext::ablations {

/// Takes SIGINT, SIGTERM and SIGHUP as requests to stop for as long as it lives; they can be asked
/// for, and interrupt no system call in the middle of something.
class StopRequests {
 public:
  StopRequests();
  ~StopRequests();
  StopRequests(const StopRequests&) = delete;
  StopRequests& operator=(const StopRequests&) = delete;

  /// How many have come so far.
  int count();
  /// Waits for one, at most so long.
  void wait(int milliseconds);

 private:
  sigset_t mask_{};
  sigset_t before_{};
  int count_ = 0;
};

}  // namespace resnext::ablations
