#pragma once
// Runs mpirun as a child: relays its standard error without banners, turns signals into a request
// to stop that leaves the workers their time, and returns the exit code for the shell.

#include <chrono>
#include <string>
#include <vector>

namespace resnext::launcher {

struct Outcome {
  int exit_code = 0;                  ///< the workers', or 128 + the signal that ended the job
  bool stopped_by_user = false;       ///< one of the signals below came
  std::vector<std::string> findings;  ///< what mpirun had to say beside the workers, a line each
};

/// Runs `line` and waits. SIGINT, SIGTERM and SIGHUP to this process become SIGUSR1 to mpirun,
/// which hands that on to every worker on every host: workers write a checkpoint and exit. SIGINT
/// or SIGTERM itself would not do, for mpirun kills the workers two seconds after it. Workers that
/// take longer than `patience`, or a second signal, get SIGTERM and soon SIGKILL from mpirun; a
/// third signal kills mpirun. If this process is killed, mpirun gets SIGTERM.
/// Throws std::system_error when mpirun cannot be started.
Outcome supervise(const std::vector<std::string>& line, std::chrono::seconds patience);

}  // namespace resnext::launcher
