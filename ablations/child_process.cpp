#include "ablations/child_process.h"

#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ablations/log_file.h"

namespace resnext::ablations {
namespace {

[[noreturn]] void throw_errno(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

int shell_code(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::vector<char*> pointers(std::vector<std::string>& line) {
  std::vector<char*> arguments;
  for (std::string& argument : line) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  return arguments;
}

void keep_to(const std::vector<int>& cpus) {
  if (cpus.empty()) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : cpus) CPU_SET(static_cast<unsigned>(cpu), &set);
  sched_setaffinity(0, sizeof set, &set);  // better on any core than not at all
}

void take_default_signals() {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

/// The child's side of fork.
[[noreturn]] void become(std::vector<char*>& arguments, const Surroundings& surroundings, int log,
                         pid_t parent) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(128 + SIGTERM);  // it died before prctl
  const int null = open("/dev/null", O_RDONLY);
  dup2(null, STDIN_FILENO);
  dup2(log, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  keep_to(surroundings.cpus);
  take_default_signals();
  for (const auto& [name, value] : surroundings.environment) {
    setenv(name.c_str(), value.c_str(), 1);
  }
  execv(arguments[0], arguments.data());
  dprintf(STDERR_FILENO, "error: %s cannot be started: %s\n", arguments[0], strerror(errno));
  _exit(127);
}

struct Pipe {
  Pipe() {
    if (pipe2(ends.data(), O_CLOEXEC) != 0) throw_errno("pipe");
  }
  ~Pipe() {
    close(ends[0]);
    if (ends[1] >= 0) close(ends[1]);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  void close_writer() { close(std::exchange(ends[1], -1)); }
  std::array<int, 2> ends{};
};

}  // namespace

std::string capture(const std::vector<std::string>& line) {
  std::vector<std::string> copy = line;
  std::vector<char*> arguments = pointers(copy);
  Pipe output;
  const int errors = memfd_create("standard error", MFD_CLOEXEC);
  if (errors < 0) throw_errno("memfd_create");
  const pid_t pid = fork();
  if (pid < 0) throw_errno("fork");
  if (pid == 0) {
    dup2(output.ends[1], STDOUT_FILENO);
    dup2(errors, STDERR_FILENO);
    take_default_signals();
    execvp(arguments[0], arguments.data());
    dprintf(STDERR_FILENO, "error: %s cannot be started: %s\n", arguments[0], strerror(errno));
    _exit(127);
  }
  output.close_writer();
  std::string text;
  std::array<char, 65536> buffer;
  for (ssize_t count = 0; (count = read(output.ends[0], buffer.data(), buffer.size())) != 0;) {
    if (count > 0) text.append(buffer.data(), static_cast<std::size_t>(count));
    if (count < 0 && errno != EINTR) break;
  }
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  std::string complaint(4096, '\0');
  complaint.resize(static_cast<std::size_t>(
      std::max<ssize_t>(0, pread(errors, complaint.data(), complaint.size(), 0))));
  close(errors);
  if (shell_code(status) == 0) return text;
  const std::string reason = last_error_line(complaint);
  throw std::runtime_error(
      reason.empty() ? fmt::format("{} ended with code {}", line.front(), shell_code(status))
                     : reason);
}

ChildProcess::ChildProcess(const std::vector<std::string>& line, const Surroundings& surroundings) {
  std::vector<std::string> copy = line;
  std::vector<char*> arguments = pointers(copy);
  const int log = open(surroundings.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log < 0) throw_errno(surroundings.log);
  const pid_t self = getpid();
  pid_ = fork();
  if (pid_ == 0) become(arguments, surroundings, log, self);
  close(log);
  if (pid_ < 0) throw_errno("fork");
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), code_(other.code_) {}

ChildProcess::~ChildProcess() {
  if (pid_ < 0 || code_) return;
  kill(pid_, SIGTERM);
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) continue;
}

std::optional<int> ChildProcess::exit_code() {
  int status = 0;
  if (!code_ && waitpid(pid_, &status, WNOHANG) == pid_) code_ = shell_code(status);
  return code_;
}

void ChildProcess::signal(int number) const {
  if (!code_) kill(pid_, number);
}

}  // namespace resnext::ablations
