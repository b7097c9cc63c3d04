#pragma once
// Runs programs: to read what they print, or in the background on cores of their own.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace resnext::ablations {

/// Runs `line` (a path, or a name of PATH), waits, and returns its standard output. Throws
/// std::runtime_error with the last line that it wrote to standard error when it does not exit with
/// 0.
std::string capture(const std::vector<std::string>& line);

/// Where and how a program runs in the background.
struct Surroundings {
  std::string log;             ///< file that standard output and error are appended to
  std::vector<int> cpus = {};  ///< those it may use; empty: all
  std::map<std::string, std::string> environment = {};  ///< added to this process's own
};

/// A program in the background, in a process group of its own so that Ctrl-C at the terminal
/// reaches only this one; it gets SIGTERM if this process dies. Its owner must see it end: the
/// destructor asks it to stop and waits.
class ChildProcess {
 public:
  /// Throws std::system_error when it cannot be started.
  ChildProcess(const std::vector<std::string>& line, const Surroundings& surroundings);
  ~ChildProcess();
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&&) = delete;

  /// As a shell has it (128 + signal), once it has ended.
  std::optional<int> exit_code();
  void signal(int number) const;

 private:
  pid_t pid_ = -1;
  std::optional<int> code_;
};

}  // namespace resnext::ablations
