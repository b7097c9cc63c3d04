#pragma once
// What lies directly in a folder.

#include <string>
#include <vector>

namespace resnext::data {

struct FolderContents {
  std::vector<std::string> folders, files;  ///< names, sorted bytewise
};

/// Names that start with a dot are left out. Throws std::runtime_error naming the folder.
FolderContents list_folder(const std::string& folder);

/// The class folders of a tree. Throws std::runtime_error if there are none.
std::vector<std::string> list_class_folders(const std::string& tree);

}  // namespace resnext::data
