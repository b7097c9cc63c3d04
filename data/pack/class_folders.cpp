#include "data/pack/class_folders.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <filesystem>
#include <iterator>
#include <span>
#include <stdexcept>
#include <thread>

#include <fmt/format.h>
#include <sys/stat.h>

#include "cli/nearest_name.h"
#include "data/decode/decode.h"
#include "data/file_descriptor.h"
#include "data/fnv1a.h"
#include "data/pack/folder_listing.h"
#include "data/pack/image_index.h"

namespace resnext::data {
namespace fs = std::filesystem;

namespace {

std::uint64_t size_of(const FileDescriptor& file, const std::string& path) {
  struct stat status {};
  if (fstat(file.id(), &status) != 0) throw_errno(path, "be read");
  return static_cast<std::uint64_t>(status.st_size);
}

/// Fewer bytes only at the end of the file.
std::size_t read_bytes(const FileDescriptor& file, const std::string& path,
                       std::span<std::uint8_t> out) {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t count = ::read(file.id(), out.data() + done, out.size() - done);
    if (count < 0 && errno != EINTR) throw_errno(path, "be read");
    if (count == 0) break;
    if (count > 0) done += static_cast<std::size_t>(count);
  }
  return done;
}

class ClassFolders : public PackSource {
 public:
  ClassFolders(DatasetInfo info, ImageIndex index)
      : info_(std::move(info)), index_(std::move(index)) {
    info_.size = index_.size();
  }

  const DatasetInfo& info() const override { return info_; }
  std::uint64_t index_bytes() const override { return index_.memory_bytes(); }
  std::uint64_t sample_bytes(std::size_t index) const override {
    const auto [label, within] = index_.place(index);
    return index_.classes()[label].bytes(within);
  }

  void read(std::size_t index, StoredSample& sample) override {
    const std::string path = path_of(index);
    const FileDescriptor file(path, O_RDONLY);
    sample.label = static_cast<std::int32_t>(index_.place(index).label);
    sample.bytes.resize(sample_bytes(index));
    const std::uint64_t size = size_of(file, path);
    if (size != sample.bytes.size() || read_bytes(file, path, sample.bytes) != size)
      throw std::runtime_error(fmt::format("{}: changed while it was packed: {} bytes, {} before",
                                           path, size, sample.bytes.size()));
  }

  std::string fingerprint() const override {
    Fnv1a hash;
    for (const auto& images : index_.classes()) {
      hash.add_number(images.size());
      for (std::size_t i = 0; i < images.size(); ++i) {
        hash.add(images.name(i));
        hash.add_number(images.bytes(i));
      }
    }
    return hash.hex();
  }

  void drop_from_page_cache(std::size_t index) const override {
    const FileDescriptor file(path_of(index), O_RDONLY);
    posix_fadvise(file.id(), 0, 0, POSIX_FADV_DONTNEED);
  }

 private:
  std::string path_of(std::size_t index) const {
    const auto [label, within] = index_.place(index);
    return (fs::path(info_.name) / info_.class_names[label] / index_.classes()[label].name(within))
        .string();
  }

  DatasetInfo info_;
  ImageIndex index_;
};

/// Why the file is no image; empty if it looks like one. Sets `bytes` to its size.
std::string look_at(const std::string& path, std::uint64_t& bytes) {
  const FileDescriptor file(path, O_RDONLY);
  bytes = size_of(file, path);
  // No reading ahead: of millions of files, only these bytes are wanted now.
  posix_fadvise(file.id(), 0, 0, POSIX_FADV_RANDOM);
  std::vector<std::uint8_t> start(16);
  start.resize(read_bytes(file, path, start));
  return image_format(start) ? "" : describe_unknown_format(start);
}

/// The names of `a` that `b` lacks.
std::vector<std::string> names_missing(std::vector<std::string> a, std::vector<std::string> b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  std::vector<std::string> missing;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(missing));
  return missing;
}

std::vector<std::string> class_names_of(const ClassFolderOptions& options) {
  std::vector<std::string> found = list_class_folders(options.folder);
  if (options.match == ClassMatch::kAll) return found;
  const auto& wanted = options.class_names;
  const auto others = names_missing(found, wanted), absent = names_missing(wanted, found);
  if (options.match == ClassMatch::kExact && !others.empty())
    throw std::runtime_error(fmt::format("{}/{}: not one of the {} classes asked for{}",
                                         options.folder, others[0], wanted.size(),
                                         cli::did_you_mean(others[0], wanted)));
  if (!absent.empty())
    throw std::runtime_error(
        fmt::format("{}: no folder for class '{}'{}", options.folder, absent[0],
                    absent.size() == 1 ? "" : fmt::format(" and {} others", absent.size() - 1)));
  return wanted;
}

/// Lists the classes with several threads; whichever ends first, the outcome is the same.
class ClassLister {
 public:
  ClassLister(const ClassFolderOptions& options, const std::vector<std::string>& names)
      : options_(options), names_(names), results_(names.size()) {}

  std::vector<ClassImages> list(std::vector<BadFile>& skipped) {
    if (options_.progress) options_.progress->start("listed", "classes", names_.size());
    {
      std::vector<std::jthread> threads;
      for (unsigned i = 0; i < options_.jobs; ++i) threads.emplace_back([this] { list_classes(); });
    }
    std::vector<ClassImages> classes;
    for (auto& result : results_) {
      if (result.error) std::rethrow_exception(result.error);
      classes.push_back(std::move(result.images));
      std::move(result.skipped.begin(), result.skipped.end(), std::back_inserter(skipped));
    }
    return classes;
  }

 private:
  struct Result {
    ClassImages images;
    std::vector<BadFile> skipped;
    std::exception_ptr error;
  };

  void list_classes() {
    // A class once taken is listed, so that the first to fail in order is always found.
    while (!failed_) {
      const std::size_t i = next_++;
      if (i >= names_.size()) break;
      try {
        list_class((fs::path(options_.folder) / names_[i]).string(), results_[i]);
      } catch (...) {
        results_[i].error = std::current_exception();
        failed_ = true;
      }
      if (options_.progress) options_.progress->advance(1);
    }
  }

  void list_class(const std::string& folder, Result& result) const {
    const FolderContents contents = list_folder(folder);
    if (!contents.folders.empty())
      throw std::runtime_error(fmt::format(
          "{}: holds the folder '{}', but a class folder holds only images{}", folder,
          contents.folders[0],
          contents.files.empty() ? "; are the class folders one level further down?" : ""));
    for (const auto& file : contents.files) add_file(folder, file, result);
    if (result.images.size() == 0) throw std::runtime_error(folder + ": no images in this class");
    result.images.shrink();
  }

  void add_file(const std::string& folder, const std::string& name, Result& result) const {
    const std::string path = (fs::path(folder) / name).string();
    std::uint64_t bytes = 0;
    const std::string reason = look_at(path, bytes);
    if (reason.empty()) {
      result.images.add(name, bytes);
    } else if (options_.skip_bad) {
      result.skipped.push_back({path, reason});
    } else {
      throw std::runtime_error(
          fmt::format("{}: {} (--skip-bad leaves such files out)", path, reason));
    }
  }

  const ClassFolderOptions& options_;
  const std::vector<std::string>& names_;
  std::vector<Result> results_;
  std::atomic<std::size_t> next_ = 0;
  std::atomic<bool> failed_ = false;
};

}  // namespace

std::unique_ptr<PackSource> open_class_folders(const ClassFolderOptions& options,
                                               std::vector<BadFile>& skipped) {
  DatasetInfo info;
  info.name = options.folder;
  info.encoding = Encoding::kEncoded;
  info.class_names = class_names_of(options);
  std::vector<ClassImages> classes = ClassLister(options, info.class_names).list(skipped);
  return std::make_unique<ClassFolders>(std::move(info), ImageIndex(std::move(classes)));
}

}  // namespace resnext::data
