#include "data/durable_file.h"

#include <cstdio>
#include <filesystem>

#include "data/file_descriptor.h"

namespace resnext::data {

namespace {

void write_all(const FileDescriptor& file, const std::string& path, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(file.id(), text.data(), text.size());
    if (count < 0 && errno != EINTR) throw_errno(path, "be written");
    if (count > 0) text.remove_prefix(static_cast<std::size_t>(count));
  }
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

void write_durably(const std::string& path, std::string_view text) {
  const std::string partial = path + ".partial";
  FileDescriptor file(partial, O_WRONLY | O_CREAT | O_TRUNC);
  write_all(file, partial, text);
  sync(file, partial);
  if (!file.close()) throw_errno(partial, "be written");
  if (std::rename(partial.c_str(), path.c_str()) != 0) throw_errno(path, "be replaced");
  const auto parent = std::filesystem::path(path).parent_path();
  sync_folder(parent.empty() ? "." : parent.string());
}

}  // namespace resnext::data
