#pragma once
// The hosts a user names: `--hosts` lists and Open MPI's hostfiles.

#include <string>
#include <vector>

#include "launcher/placement.h"

namespace resnext::launcher {

/// "a:4,b" → host a with 4 cores, b with `default_cores`. Throws cli::UsageError.
std::vector<Host> parse_hosts(const std::string& list, int default_cores);

/// Lines `NAME [slots=N]`; `#` starts a comment. Throws cli::UsageError naming file and line.
std::vector<Host> read_hostfile(const std::string& path, int default_cores);

}  // namespace resnext::launcher
