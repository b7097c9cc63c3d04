#pragma once
// Finds the programs to run.

#include <string>

namespace resnext::launcher {

/// The full path of mpirun in PATH. Throws std::runtime_error that says what to install.
std::string find_mpirun();

/// The worker: `given` when not empty; else resnext-worker beside this program, or where the build
/// tree has it, or in PATH. An absolute path. Throws cli::UsageError for a bad `given` and
/// std::runtime_error when there is none.
std::string find_worker(const std::string& given);

}  // namespace resnext::launcher
