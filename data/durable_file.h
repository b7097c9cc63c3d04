#pragma once
// Files that are whole or not there, whatever happens to the process or the machine meanwhile: on
// the disk rather than in the system's memory.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace resnext::data {

/// Ends the name under which a file is written before it takes its place.
inline constexpr const char* kPartialSuffix = ".partial";

/// Waits until the file's contents are on the disk. Throws std::runtime_error naming the file.
void sync_file(const std::string& path);

/// Waits until the names in a folder (created, renamed, removed) are on the disk.
void sync_folder(const std::string& path);

/// Writes `bytes` to `path`.partial, syncs it to disk, renames it to `path` and syncs the folder:
/// at every moment `path` is the old file or the new one. Throws std::runtime_error naming the file
/// and the reason (disk full, …); then the old file stays and nothing else is left behind.
void replace_file(const std::string& path, std::span<const std::byte> bytes);
void replace_file(const std::string& path, std::string_view text);

/// A file that is written step by step under its .partial name, by whatever means.
class PartialFile {
 public:
  explicit PartialFile(std::string path) : path_(std::move(path)) {}
  ~PartialFile();  ///< removes what was not published
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  std::string partial_path() const { return path_ + kPartialSuffix; }

  /// Once it is written and closed: as replace_file does with its bytes.
  void publish();

 private:
  std::string path_;
  bool published_ = false;
};

/// Throws std::runtime_error naming the folder and the reason unless files can be made in it.
void check_folder_writable(const std::string& folder);

}  // namespace resnext::data
