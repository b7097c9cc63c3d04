#include "data/durable_file.h"

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "data/file_descriptor.h"

namespace resnext::data {
namespace {

namespace fs = std::filesystem;

void write(const std::string& path, std::span<const std::byte> bytes) {
  FileDescriptor file(path, O_WRONLY | O_CREAT | O_TRUNC);
  while (!bytes.empty()) {
    const ssize_t count = ::write(file.id(), bytes.data(), bytes.size());
    if (count < 0 && errno != EINTR) throw_errno(path, "be written");
    if (count > 0) bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  // Some network file systems report a full disk only here.
  if (!file.close()) throw_errno(path, "be written");
}

void sync(const FileDescriptor& file, const std::string& path) {
  if (fsync(file.id()) != 0) throw_errno(path, "be written to disk");
}

}  // namespace

void sync_file(const std::string& path) {
  sync(FileDescriptor(path, O_RDONLY), path);
}

void sync_folder(const std::string& path) {
  sync(FileDescriptor(path, O_RDONLY | O_DIRECTORY), path);
}

void replace_file(const std::string& path, std::span<const std::byte> bytes) {
  PartialFile file(path);
  write(file.partial_path(), bytes);
  file.publish();
}

void replace_file(const std::string& path, std::string_view text) {
  replace_file(path, std::as_bytes(std::span(text)));
}

PartialFile::~PartialFile() {
  if (!published_) unlink(partial_path().c_str());
}

void PartialFile::publish() {
  sync_file(partial_path());
  if (std::rename(partial_path().c_str(), path_.c_str()) != 0) throw_errno(path_, "be replaced");
  published_ = true;
  const fs::path folder = fs::path(path_).parent_path();
  sync_folder(folder.empty() ? "." : folder.string());
}

void check_folder_writable(const std::string& folder) {
  if (!fs::is_directory(folder)) {
    throw std::runtime_error(fmt::format("'{}' is not an existing folder", folder));
  }
  // By trying: permissions say nothing of read-only file systems, and root passes them all.
  const std::string probe = (fs::path(folder) / fmt::format(".writable-{}", getpid())).string();
  { const FileDescriptor file(probe, O_WRONLY | O_CREAT | O_EXCL); }
  unlink(probe.c_str());
}

}  // namespace resnext::data
