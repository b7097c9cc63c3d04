#include "launcher/supervise.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <optional>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launcher/banner_filter.h"

namespace resnext::launcher {
namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void throw_errno(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd = -1) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileDescriptor() { close(); }
  int get() const { return fd_; }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_;
};

/// Blocks the signals that are read from a descriptor instead, for as long as it lives.
class SignalQueue {
 public:
  SignalQueue() {
    sigset_t mask;
    sigemptyset(&mask);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGCHLD}) sigaddset(&mask, signal);
    if (sigprocmask(SIG_BLOCK, &mask, &before_) != 0) throw_errno("sigprocmask");
    fd_ = FileDescriptor(signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK));
    if (fd_.get() < 0) throw_errno("signalfd");
  }
  ~SignalQueue() { sigprocmask(SIG_SETMASK, &before_, nullptr); }
  SignalQueue(const SignalQueue&) = delete;
  SignalQueue& operator=(const SignalQueue&) = delete;

  int fd() const { return fd_.get(); }
  const sigset_t& mask_before() const { return before_; }

  std::optional<int> next() const {
    signalfd_siginfo info{};
    if (read(fd_.get(), &info, sizeof info) != sizeof info) return std::nullopt;
    return static_cast<int>(info.ssi_signo);
  }

 private:
  sigset_t before_{};
  FileDescriptor fd_;
};

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) throw_errno("pipe");
    reader = FileDescriptor(ends[0]);
    writer = FileDescriptor(ends[1]);
  }
  FileDescriptor reader;
  FileDescriptor writer;
};

/// The child's side of fork: becomes mpirun, or writes errno to `failure`.
[[noreturn]] void become(const std::vector<char*>& arguments, const sigset_t& mask, pid_t parent,
                         int standard_error, int failure) {
  // A group of its own, so that Ctrl-C at the terminal reaches only us; and then no standard input,
  // for reading the terminal from the background would stop it.
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(128 + SIGTERM);  // it died before prctl
  const int null = open("/dev/null", O_RDONLY);
  dup2(null, STDIN_FILENO);
  dup2(standard_error, STDERR_FILENO);
  sigprocmask(SIG_SETMASK, &mask, nullptr);
  execvp(arguments[0], arguments.data());
  const int error = errno;
  [[maybe_unused]] const ssize_t written = write(failure, &error, sizeof error);
  _exit(127);
}

class Child {
 public:
  Child(const std::vector<std::string>& line, const SignalQueue& signals) {
    std::vector<std::string> copy = line;
    std::vector<char*> arguments;
    for (std::string& argument : copy) arguments.push_back(argument.data());
    arguments.push_back(nullptr);
    Pipe failure;
    Pipe errors;
    const pid_t self = getpid();
    pid_ = fork();
    if (pid_ < 0) throw_errno("fork");
    if (pid_ == 0) {
      become(arguments, signals.mask_before(), self, errors.writer.get(), failure.writer.get());
    }
    failure.writer.close();
    int error = 0;
    if (read(failure.reader.get(), &error, sizeof error) == sizeof error) {
      waitpid(pid_, nullptr, 0);
      throw std::system_error(error, std::generic_category(), line.front());
    }
    errors_ = std::move(errors.reader);
    fcntl(errors_.get(), F_SETFL, O_NONBLOCK);
  }

  int errors() const { return errors_.get(); }
  void signal(int number) const { kill(pid_, number); }

  /// The wait status once the child has ended.
  std::optional<int> ended() const {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) return status;
    return std::nullopt;
  }

 private:
  pid_t pid_ = -1;
  FileDescriptor errors_;
};

void write_all(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(STDERR_FILENO, text.data(), text.size());
    if (written < 0 && errno != EINTR) return;
    if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
  }
}

/// Relays what there is to read. False at the end of the stream.
bool relay(const Child& child, BannerFilter& filter) {
  std::array<char, 65536> buffer;
  for (;;) {
    const ssize_t count = read(child.errors(), buffer.data(), buffer.size());
    if (count > 0) {
      write_all(filter.feed({buffer.data(), static_cast<std::size_t>(count)}));
    } else if (count == 0) {
      return false;
    } else if (errno != EINTR) {
      return true;
    }
  }
}

/// How far we are in asking the job to stop.
class Stopping {
 public:
  Stopping(const Child& child, std::chrono::seconds patience)
      : child_(child), patience_(patience) {}

  void on_signal(int number) {
    if (first_signal_ == 0) {
      first_signal_ = number;
      write_all("resnext-launch: asked the workers to stop; a second signal kills them\n");
    }
    escalate();
  }
  void on_time() {
    if (deadline_ && Clock::now() >= *deadline_) escalate();
  }
  /// Milliseconds until on_time() has something to do; -1 for never.
  int timeout() const {
    if (!deadline_) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline_ - Clock::now());
    return std::max(0, static_cast<int>(left.count()));
  }

  bool requested() const { return first_signal_ != 0; }

  int exit_code(int status) const {
    const int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    // Killed on our demand: the user's signal says more than the one that we sent on.
    const bool killed = forced_ || code == 128 + SIGUSR1;
    return first_signal_ != 0 && killed && code != 0 ? 128 + first_signal_ : code;
  }

 private:
  void escalate() {
    static constexpr std::array<int, 3> kSteps{SIGUSR1, SIGTERM, SIGKILL};
    static constexpr std::chrono::seconds kForMpirunToKill{10};
    if (steps_done_ == kSteps.size()) return;
    child_.signal(kSteps[steps_done_]);
    forced_ = steps_done_ > 0;
    deadline_ = Clock::now() + (steps_done_ == 0 ? patience_ : kForMpirunToKill);
    if (++steps_done_ == kSteps.size()) deadline_.reset();
  }

  const Child& child_;
  std::chrono::seconds patience_;
  std::size_t steps_done_ = 0;
  bool forced_ = false;
  int first_signal_ = 0;
  std::optional<Clock::time_point> deadline_;
};

}  // namespace

Outcome supervise(const std::vector<std::string>& line, std::chrono::seconds patience) {
  const SignalQueue signals;
  const Child child(line, signals);
  Stopping stopping(child, patience);
  BannerFilter filter;
  bool errors_open = true;
  std::optional<int> status;
  while (!status) {
    std::array<pollfd, 2> waits{pollfd{signals.fd(), POLLIN, 0},
                                pollfd{errors_open ? child.errors() : -1, POLLIN, 0}};
    poll(waits.data(), waits.size(), stopping.timeout());
    if (errors_open && waits[1].revents != 0) errors_open = relay(child, filter);
    while (const auto number = signals.next()) {
      if (*number != SIGCHLD) stopping.on_signal(*number);
    }
    stopping.on_time();
    status = child.ended();
  }
  relay(child, filter);
  write_all(filter.finish());
  return {stopping.exit_code(*status), stopping.requested(), filter.findings()};
}

}  // namespace resnext::launcher
