#pragma once
// What resnext-predict leaves behind (schema: results/README.md). Each file appears whole, or not
// at all.

#include <cstdint>
#include <fstream>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "data/durable_file.h"
#include "data/hdf5.h"

namespace resnext::worker {

/// The answer for one image.
struct Prediction {
  std::uint64_t sample = 0;
  std::string path;          ///< empty: the image has but a number
  std::optional<int> label;  ///< the network's class
  std::span<const float> scores;
  std::vector<int> top;              ///< the best classes, best first
  std::vector<float> probabilities;  ///< theirs

  /// Path or number.
  std::string name() const { return path.empty() ? std::to_string(sample) : path; }
};

/// What a file of predictions is of.
struct PredictionHeader {
  std::uint64_t images = 0;
  int classes = 0, top_k = 0;  ///< top_k <= classes
  bool has_paths = false, has_labels = false;
  std::vector<std::string> class_names;  ///< empty: classes have but numbers

  std::string class_name(int c) const {
    return class_names.empty() ? std::to_string(c) : class_names[c];
  }
};

class PredictionFile {
 public:
  /// Throws std::runtime_error naming the file that cannot be made.
  PredictionFile(const std::string& path, const PredictionHeader& header);

  /// In the order of the images.
  void add(const Prediction& prediction);

  /// Gives the file flat attributes and its name.
  void publish(const nlohmann::json& attributes);

 private:
  data::PartialFile partial_;
  const PredictionHeader header_;
  data::hdf5::File file_;
  std::optional<data::hdf5::Dataset> logits_, top_k_, probabilities_, samples_, labels_;
  std::vector<std::string> paths_;
  std::uint64_t rows_ = 0;
};

/// The best classes as text, a line an image, under a line of headings.
class PredictionTable {
 public:
  PredictionTable(const std::string& path, const PredictionHeader& header);
  void add(const Prediction& prediction);
  void publish();

 private:
  void require_written();

  std::string path_;
  data::PartialFile partial_;
  const PredictionHeader header_;
  std::ofstream file_;
};

}  // namespace resnext::worker
