#pragma once
// A folder with one subfolder of JPEGs and PNGs for each class, as ImageNet is laid out
// (train/n01440764/x.JPEG).

#include <memory>
#include <string>
#include <vector>

#include "data/shard_writer.h"

namespace resnext::data {

struct ClassFolderOptions {
  std::string folder;
  std::vector<std::string> class_names;  ///< if not empty, the subfolders must be just these
  bool skip_bad = false;                 ///< leave out files that are no images
};

struct BadFile {
  std::string path;
  std::string reason;
};

/// Lists the images, classes and then files in the order of their names, and looks at the first
/// bytes of each. Files whose name starts with a dot are ignored. Throws std::runtime_error naming
/// the folder, class or file at fault; files that are no images go to `skipped` with `skip_bad`.
std::unique_ptr<PackSource> open_class_folders(const ClassFolderOptions& options,
                                               std::vector<BadFile>& skipped);

}  // namespace resnext::data
