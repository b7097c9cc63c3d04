#pragma once
// Finds the programs to run.

#include <string>

namespace resnext::launcher {

/// The full path of mpirun in PATH. Throws std::runtime_error that says what to install.
std::string find_mpirun();

/// A program of ours: `name` beside this one, or where the build tree has it (`build_folder` is the
/// folder there, "worker"), or in PATH. An absolute path. Throws std::runtime_error when there is
/// none; its message ends with `advice`.
std::string find_sibling(const std::string& name, const std::string& build_folder,
                         const std::string& advice);

/// The worker: `given` when not empty; else the sibling resnext-worker. An absolute path. Throws
/// cli::UsageError for a bad `given` and std::runtime_error when there is none.
std::string find_worker(const std::string& given);

}  // namespace resnext::launcher
