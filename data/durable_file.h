#pragma once
// What survives a power cut: files and names on the disk rather than in the system's memory.

#include <string>
#include <string_view>

namespace resnext::data {

/// Waits until the file's contents are on the disk. Throws std::runtime_error naming the file.
void sync_file(const std::string& path);

/// Waits until the names in a folder (created, renamed, removed) are on the disk.
void sync_folder(const std::string& path);

/// Writes a small file so that at every moment it is there whole or not at all, and is on the disk
/// on return. Throws std::runtime_error naming the file.
void write_durably(const std::string& path, std::string_view text);

}  // namespace resnext::data
