#include "ablations/sweep_lock.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

namespace resnext::ablations {
namespace {

namespace fs = std::filesystem;

std::string lock_path(const std::string& folder) {
  return folder + "/lock";
}

int open_lock(const std::string& folder, int flags) {
  return open(lock_path(folder).c_str(), flags | O_CLOEXEC, 0644);
}

pid_t read_holder(const std::string& folder) {
  std::ifstream file(lock_path(folder));
  pid_t holder = 0;
  file >> holder;
  return holder;
}

/// A worker, or what starts it, whose command line names something below `folder`; 0 where there is
/// none.
pid_t find_process(const std::string& folder) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
    const std::string name = entry.path().filename();
    if (!std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; })) continue;
    std::ifstream file(entry.path() / "cmdline", std::ios::binary);
    const std::string line{std::istreambuf_iterator<char>(file), {}};
    if (line.find(folder + "/") != std::string::npos &&
        line.find("resnext-worker") != std::string::npos) {
      return std::stoi(name);
    }
  }
  return 0;
}

}  // namespace

SweepLock::SweepLock(const std::string& folder) {
  fs::create_directories(folder);
  file_ = open_lock(folder, O_RDWR | O_CREAT);
  if (file_ < 0) throw std::system_error(errno, std::generic_category(), lock_path(folder));
  if (flock(file_, LOCK_EX | LOCK_NB) != 0) {
    const pid_t holder = read_holder(folder);
    close(file_);
    throw std::runtime_error(
        fmt::format("process {} is sweeping in {} already; --status shows how far it is, or give "
                    "another --folder",
                    holder, folder));
  }
  const std::string text = fmt::format("{}\n", getpid());
  if (ftruncate(file_, 0) != 0 || write(file_, text.data(), text.size()) < 0) {
    throw std::system_error(errno, std::generic_category(), lock_path(folder));
  }
}

SweepLock::~SweepLock() {
  close(file_);
}

std::optional<pid_t> lock_holder(const std::string& folder) {
  const int file = open_lock(folder, O_RDONLY);
  if (file < 0) return std::nullopt;
  const bool held = flock(file, LOCK_SH | LOCK_NB) != 0;
  close(file);
  return held ? std::optional(read_holder(folder)) : std::nullopt;
}

void wait_for_orphans(const std::string& folder, int seconds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  for (pid_t process = 0; (process = find_process(folder)) != 0;) {
    if (std::chrono::steady_clock::now() > deadline) {
      throw std::runtime_error(
          fmt::format("process {} still works in {}; end it first", process, folder));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

}  // namespace resnext::ablations
