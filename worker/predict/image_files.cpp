#include "worker/predict/image_files.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include <fmt/format.h>

namespace resnext::worker {
namespace {

namespace fs = std::filesystem;

/// What is in a folder, sorted.
std::vector<fs::directory_entry> entries_of(const std::string& folder) {
  std::vector<fs::directory_entry> entries;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().filename().string().front() != '.') entries.push_back(*entry);
  }
  if (error) throw std::runtime_error(fmt::format("{}: {}", folder, error.message()));
  std::sort(entries.begin(), entries.end());
  return entries;
}

}  // namespace

ImageFiles::ImageFiles(const std::string& path) {
  info_.name = path;
  info_.encoding = data::Encoding::kEncoded;
  if (fs::is_directory(path)) {
    add_folder(path);
  } else {
    files_.push_back({path, 0});
  }
  if (files_.empty()) throw std::runtime_error(path + ": no images in this folder");
  info_.size = files_.size();
}

void ImageFiles::add_folder(const std::string& folder) {
  std::string first_file;
  for (const fs::directory_entry& entry : entries_of(folder)) {
    if (!entry.is_directory()) {
      first_file = entry.path().string();
      files_.push_back({first_file, 0});
      continue;
    }
    const auto label = static_cast<std::int32_t>(info_.class_names.size());
    info_.class_names.push_back(entry.path().filename().string());
    for (const fs::directory_entry& image : entries_of(entry.path().string())) {
      if (image.is_directory()) {
        throw std::runtime_error(
            fmt::format("{}: a folder within a class folder", image.path().string()));
      }
      files_.push_back({image.path().string(), label});
    }
  }
  if (!first_file.empty() && !info_.class_names.empty()) {
    throw std::runtime_error(fmt::format("{}: a file beside class folders such as '{}'", first_file,
                                         info_.class_names.front()));
  }
}

void ImageFiles::read(std::size_t index, data::StoredSample& sample) {
  const ImageFile& image = files_[index];
  sample.label = image.label;
  std::ifstream file(image.path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot be read");
  sample.bytes.assign(std::istreambuf_iterator<char>(file), {});
  if (file.bad()) throw std::runtime_error("cannot be read");
}

}  // namespace resnext::worker
