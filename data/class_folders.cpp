#include "data/class_folders.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include <fmt/format.h>

#include "cli/nearest_name.h"
#include "data/decode.h"

namespace resnext::data {
namespace fs = std::filesystem;

namespace {

struct ImageFile {
  std::string path;
  std::int32_t label = 0;
  std::uint64_t bytes = 0;
};

class ClassFolders : public PackSource {
 public:
  ClassFolders(DatasetInfo info, std::vector<ImageFile> files)
      : info_(std::move(info)), files_(std::move(files)) {}

  const DatasetInfo& info() const override { return info_; }
  std::uint64_t sample_bytes(std::size_t index) const override { return files_[index].bytes; }

  void read(std::size_t index, StoredSample& sample) override {
    const ImageFile& image = files_[index];
    sample.bytes.resize(image.bytes);
    sample.label = image.label;
    std::ifstream file(image.path, std::ios::binary);
    file.read(reinterpret_cast<char*>(sample.bytes.data()),
              static_cast<std::streamsize>(image.bytes));
    if (!file || file.peek() != std::ifstream::traits_type::eof())
      throw std::runtime_error(image.path + ": cannot be read, or changed while it was packed");
  }

 private:
  DatasetInfo info_;
  std::vector<ImageFile> files_;
};

struct FolderContents {
  std::vector<std::string> folders, files;  ///< names, sorted
};

FolderContents list_folder(const fs::path& folder) {
  FolderContents contents;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.front() == '.') continue;
    (entry->is_directory() ? contents.folders : contents.files).push_back(name);
  }
  if (error) throw std::runtime_error(fmt::format("{}: {}", folder.string(), error.message()));
  std::sort(contents.folders.begin(), contents.folders.end());
  std::sort(contents.files.begin(), contents.files.end());
  return contents;
}

/// Why the file is no image; empty if it looks like one. Sets `bytes` to its size.
std::string look_at(const fs::path& path, std::uint64_t& bytes) {
  std::error_code error;
  bytes = fs::file_size(path, error);
  if (error) return error.message();
  std::ifstream file(path, std::ios::binary);
  if (!file) return "cannot be read";
  std::vector<std::uint8_t> start(16);
  file.read(reinterpret_cast<char*>(start.data()), static_cast<std::streamsize>(start.size()));
  start.resize(static_cast<std::size_t>(file.gcount()));
  return image_format(start) ? "" : describe_unknown_format(start);
}

std::vector<std::string> class_names_of(const std::string& folder) {
  const FolderContents contents = list_folder(folder);
  if (contents.folders.empty())
    throw std::runtime_error(fmt::format(
        "{}: {}; put the images of each class into a folder of its own, {}/CLASS/IMAGE", folder,
        contents.files.empty() ? "an empty folder" : "holds files, but no class folders", folder));
  return contents.folders;
}

void require_same_classes(const std::string& folder, const std::vector<std::string>& found,
                          const std::vector<std::string>& wanted) {
  for (const auto& name : found)
    if (std::find(wanted.begin(), wanted.end(), name) == wanted.end())
      throw std::runtime_error(fmt::format("{}/{}: not one of the {} classes asked for{}", folder,
                                           name, wanted.size(), cli::did_you_mean(name, wanted)));
  for (const auto& name : wanted)
    if (std::find(found.begin(), found.end(), name) == found.end())
      throw std::runtime_error(fmt::format("{}: no folder for class '{}'", folder, name));
}

/// Lists the images of one class.
class ClassReader {
 public:
  ClassReader(const ClassFolderOptions& options, std::vector<BadFile>& skipped)
      : options_(options), skipped_(skipped) {}

  void add(const std::string& name, std::int32_t label, std::vector<ImageFile>& images) const {
    const fs::path folder = fs::path(options_.folder) / name;
    const FolderContents contents = list_folder(folder);
    if (!contents.folders.empty())
      throw std::runtime_error(fmt::format(
          "{}: holds the folder '{}', but a class folder holds only images{}", folder.string(),
          contents.folders[0],
          contents.files.empty() ? "; are the class folders one level further down?" : ""));
    const std::size_t before = images.size();
    for (const auto& file : contents.files) add_file(folder / file, label, images);
    if (images.size() == before)
      throw std::runtime_error(folder.string() + ": no images in this class");
  }

 private:
  void add_file(const fs::path& path, std::int32_t label, std::vector<ImageFile>& images) const {
    ImageFile image{path.string(), label, 0};
    const std::string reason = look_at(path, image.bytes);
    if (reason.empty()) {
      images.push_back(std::move(image));
    } else if (options_.skip_bad) {
      skipped_.push_back({path.string(), reason});
    } else {
      throw std::runtime_error(
          fmt::format("{}: {} (--skip-bad leaves such files out)", path.string(), reason));
    }
  }

  const ClassFolderOptions& options_;
  std::vector<BadFile>& skipped_;
};

}  // namespace

std::unique_ptr<PackSource> open_class_folders(const ClassFolderOptions& options,
                                               std::vector<BadFile>& skipped) {
  DatasetInfo info;
  info.name = options.folder;
  info.encoding = Encoding::kEncoded;
  info.class_names = class_names_of(options.folder);
  if (!options.class_names.empty()) {
    require_same_classes(options.folder, info.class_names, options.class_names);
    info.class_names = options.class_names;
  }
  std::vector<ImageFile> images;
  const ClassReader reader(options, skipped);
  for (std::size_t i = 0; i < info.class_names.size(); ++i)
    reader.add(info.class_names[i], static_cast<std::int32_t>(i), images);
  info.size = images.size();
  return std::make_unique<ClassFolders>(std::move(info), std::move(images));
}

}  // namespace resnext::data
