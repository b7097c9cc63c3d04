#include "worker/durable_file.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace resnext::worker {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void throw_errno(const std::string& action, const std::string& path) {
  throw std::runtime_error(fmt::format("cannot {} '{}': {}", action, path, std::strerror(errno)));
}

class Descriptor {
 public:
  Descriptor(const std::string& path, int flags)
      : path_(path), fd_(open(path.c_str(), flags | O_CLOEXEC, 0666)) {
    if (fd_ < 0) throw_errno("open", path_);
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  void write(std::span<const std::byte> bytes) const {
    while (!bytes.empty()) {
      const ssize_t count = ::write(fd_, bytes.data(), bytes.size());
      if (count < 0 && errno != EINTR) throw_errno("write", path_);
      if (count > 0) bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
  }
  void sync() const {
    if (fsync(fd_) != 0) throw_errno("write to disk", path_);
  }
  /// Some network file systems report a full disk only here.
  void close() {
    if (::close(std::exchange(fd_, -1)) != 0) throw_errno("write", path_);
  }

 private:
  std::string path_;
  int fd_;
};

std::string folder_of(const std::string& path) {
  const fs::path parent = fs::path(path).parent_path();
  return parent.empty() ? "." : parent.string();
}

void write(const std::string& path, std::span<const std::byte> bytes) {
  Descriptor file(path, O_WRONLY | O_CREAT | O_TRUNC);
  file.write(bytes);
  file.close();
}

}  // namespace

void replace_file(const std::string& path, std::span<const std::byte> bytes) {
  PartialFile file(path);
  write(file.partial_path(), bytes);
  file.publish();
}

PartialFile::~PartialFile() {
  if (!published_) unlink(partial_path().c_str());
}

void PartialFile::publish() {
  Descriptor(partial_path(), O_RDONLY).sync();
  if (std::rename(partial_path().c_str(), path_.c_str()) != 0) throw_errno("replace", path_);
  published_ = true;
  const Descriptor folder(folder_of(path_), O_RDONLY | O_DIRECTORY);
  folder.sync();
}

void check_folder_writable(const std::string& folder) {
  if (!fs::is_directory(folder)) {
    throw std::runtime_error(fmt::format("'{}' is not an existing folder", folder));
  }
  // By trying: permissions say nothing of read-only file systems, and root passes them all.
  const std::string probe = (fs::path(folder) / fmt::format(".writable-{}", getpid())).string();
  { const Descriptor file(probe, O_WRONLY | O_CREAT | O_EXCL); }
  unlink(probe.c_str());
}

}  // namespace resnext::worker
