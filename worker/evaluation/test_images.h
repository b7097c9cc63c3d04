#pragma once
// The images that resnext-predict is asked about, as views: image files, shards, or a tensor of
// pixels that are normalised already.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/hdf5.h"
#include "worker/evaluation/class_mapping.h"
#include "worker/evaluation/view_loader.h"
#include "worker/predict/ensemble.h"
#include "worker/predict/image_files.h"
#include "worker/predict/predict_options.h"

namespace resnext::worker {

/// Whether the images' labels mean something to a network.
struct LabelMatch {
  std::optional<ClassMapping> classes;
  std::string note;  ///< why they do not, where there are labels; for people
};

class TestImages {
 public:
  /// Opens the options' source for networks like `network`. Throws std::runtime_error or
  /// cli::UsageError naming the file or option that does not fit.
  TestImages(const PredictOptions& options, const StoredNetwork& network);

  std::uint64_t size() const { return size_; }
  const std::string& name() const { return name_; }
  /// What networks for these images are built for.
  int image_size() const { return image_size_; }
  /// The options', completed.
  const TestProtocol& protocol() const { return protocol_; }

  bool has_paths() const { return files_ != nullptr; }
  /// Empty where images have none.
  std::string path(std::uint64_t image) const { return files_ ? files_->path(image) : ""; }

  /// `names`: the network's classes, or empty where they are not known.
  LabelMatch match_labels(const std::vector<std::string>& names, int classes) const;

  /// The next image, in order; valid until the next call. Throws std::runtime_error naming the one
  /// that cannot be read.
  const ImageViews& next();

 private:
  void open_source(const PredictOptions& options, const StoredNetwork& network);
  void open_tensor(const PredictOptions& options, const StoredNetwork& network);

  std::string name_;
  std::uint64_t size_ = 0;
  int image_size_ = 0;
  TestProtocol protocol_;

  std::unique_ptr<data::ImageSource> source_;
  const ImageFiles* files_ = nullptr;  ///< the source, if it is such
  std::unique_ptr<ProtocolViews> views_;
  std::unique_ptr<ViewLoader> loader_;

  std::optional<data::hdf5::File> tensor_file_;
  std::optional<data::hdf5::Dataset> tensor_;
  ImageViews tensor_image_;
  std::uint64_t next_row_ = 0;
};

}  // namespace resnext::worker
