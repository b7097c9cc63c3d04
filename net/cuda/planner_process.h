#pragma once
// Runs resnext-plan-graphs, the one program that links cuDNN to ask it questions, as a child: cuDNN
// may crash, and may not be there at all.

#include <filesystem>
#include <span>
#include <string>

namespace resnext::net::cuda {

struct ProcessResult {
  std::string output;  ///< standard output
  int signal = 0;      ///< that ended it, or 0
  int code = 0;        ///< exit code, where no signal ended it
};

struct ProcessRequest {
  std::filesystem::path program;
  std::span<const std::string> arguments;
  std::span<const std::string> environment;  ///< NAME=VALUE, in place of the present ones
  std::string input;                         ///< standard input
};

/// Waits for the program to end. Throws std::runtime_error where it cannot be started, and with its
/// first words of error where it ended by itself without any output.
ProcessResult run_process(const ProcessRequest& request);

}  // namespace resnext::net::cuda
