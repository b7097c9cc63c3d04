#pragma once
// Image files as they lie on disk, as a source of test images.

#include <memory>
#include <string>
#include <vector>

#include "data/image_source.h"

namespace resnext::worker {

class ImageFiles : public data::ImageSource {
 public:
  /// One image; or all of a folder; or those of its subfolders, one for each class, in the order of
  /// their names. Files whose names start with a dot are ignored. Throws std::runtime_error naming
  /// the folder or the file that is none of these.
  explicit ImageFiles(const std::string& path);

  /// `class_names` is empty, and every label 0, where there are no class folders.
  const data::DatasetInfo& info() const override { return info_; }
  void read(std::size_t index, data::StoredSample& sample) override;

  const std::string& path(std::size_t index) const { return files_[index].path; }

 private:
  struct ImageFile {
    std::string path;
    std::int32_t label = 0;
  };

  void add_folder(const std::string& folder);

  data::DatasetInfo info_;
  std::vector<ImageFile> files_;
};

}  // namespace resnext::worker
