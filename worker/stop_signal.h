#pragma once
// SIGTERM, SIGINT and SIGUSR1 (what batch systems send before the time is up) ask the run to stop
// after the present step, with a checkpoint. One that comes seconds after the first ends it at once
// (mpirun and a terminal may both send the first).

namespace resnext::worker {

/// Installs the handlers for its lifetime.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  /// The signal that asked this process to stop, or 0.
  int received() const;
};

}  // namespace resnext::worker
