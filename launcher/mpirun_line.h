#pragma once
// From a placement to the mpirun command line: a pure function. One form serves Open MPI 4.1 and
// 5.0; a parameter that only the other version knows is ignored by Open MPI.

#include <string>
#include <vector>

#include "launcher/placement.h"

namespace resnext::launcher {

/// What the command line depends on beside the placement.
struct MpirunSettings {
  std::string mpirun = "mpirun";
  bool as_root = false;              ///< Open MPI wants to be told that root is meant
  bool bind = false;                 ///< each rank to cores of its own
  bool peer_memory_readable = true;  ///< see may_read_peer_memory()
};

/// Binding pays, and does no harm, when the job has this whole machine: a part of it may be bound
/// to the very cores where another job is.
bool should_bind(const Placement& placement, const std::vector<Host>& hosts, bool whole_machine);

/// The arguments of mpirun, itself first.
std::vector<std::string> mpirun_line(const MpirunSettings& settings, const Placement& placement,
                                     const std::vector<Host>& hosts, const std::string& worker,
                                     const std::vector<std::string>& worker_options);

/// `arguments` as a line that a POSIX shell splits into exactly these again.
std::string shell_line(const std::vector<std::string>& arguments);

}  // namespace resnext::launcher
