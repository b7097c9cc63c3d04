#include "data/pack/folder_listing.h"

#include <algorithm>
#include <filesystem>
#include <stdexcept>
#include <system_error>

#include <fmt/format.h>

namespace resnext::data {
namespace fs = std::filesystem;

FolderContents list_folder(const std::string& folder) {
  FolderContents contents;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.front() == '.') continue;
    (entry->is_directory() ? contents.folders : contents.files).push_back(name);
  }
  if (error) throw std::runtime_error(fmt::format("{}: {}", folder, error.message()));
  std::sort(contents.folders.begin(), contents.folders.end());
  std::sort(contents.files.begin(), contents.files.end());
  return contents;
}

std::vector<std::string> list_class_folders(const std::string& tree) {
  FolderContents contents = list_folder(tree);
  if (contents.folders.empty())
    throw std::runtime_error(fmt::format(
        "{}: {}; put the images of each class into a folder of its own, {}/CLASS/IMAGE", tree,
        contents.files.empty() ? "an empty folder" : "holds files, but no class folders", tree));
  return std::move(contents.folders);
}

}  // namespace resnext::data
