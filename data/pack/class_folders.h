#pragma once
// A folder with one subfolder of JPEGs and PNGs for each class, as ImageNet is laid out
// (train/n01440764/x.JPEG).

#include <memory>
#include <string>
#include <vector>

#include "data/pack/progress.h"
#include "data/pack/shard_writer.h"

namespace resnext::data {

/// How the given class names and the subfolders go together.
enum class ClassMatch {
  kAll,    ///< the classes are the subfolders; none are given
  kExact,  ///< the subfolders must be just the given classes
  kOnly,   ///< subfolders that are not given are ignored
};

struct ClassFolderOptions {
  std::string folder;
  ClassMatch match = ClassMatch::kAll;
  std::vector<std::string> class_names;  ///< in the order of the labels
  bool skip_bad = false;                 ///< leave out files that are no images
  unsigned jobs = 1;                     ///< threads that look at files
  Progress* progress = nullptr;
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
