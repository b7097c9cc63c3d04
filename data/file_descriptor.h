#pragma once
// An open file of the operating system.

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace resnext::data {

/// "PATH: cannot ACTION: REASON", the reason taken from errno.
[[noreturn]] inline void throw_errno(const std::string& path, const char* action) {
  throw std::runtime_error(fmt::format("{}: cannot {}: {}", path, action, std::strerror(errno)));
}

class FileDescriptor {
 public:
  /// Throws std::runtime_error naming the path and the system's reason. `flags` as open(2) has
  /// them.
  FileDescriptor(const std::string& path, int flags)
      : id_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {
    if (id_ < 0) throw_errno(path, flags & O_CREAT ? "be created" : "be read");
  }
  FileDescriptor(FileDescriptor&& other) noexcept : id_(std::exchange(other.id_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(id_, other.id_);
    return *this;
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() {
    if (id_ >= 0) ::close(id_);
  }

  int id() const { return id_; }
  /// Closes now; false where the system reports a failure, which a destructor would have to
  /// swallow.
  bool close() { return ::close(std::exchange(id_, -1)) == 0; }

 private:
  int id_;
};

}  // namespace resnext::data
