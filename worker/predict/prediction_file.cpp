#include "worker/predict/prediction_file.h"

#include <stdexcept>

#include <fmt/format.h>

namespace resnext::worker {
namespace {

using data::hdf5::Attribute;
using data::hdf5::File;

Attribute to_attribute(const nlohmann::json& value) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number_integer()) return value.get<std::int64_t>();
  if (value.is_number()) return value.get<double>();
  if (value.is_array()) return value.get<std::vector<std::string>>();
  return value.get<std::string>();
}

/// As RFC 4180 has it.
std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string inside;
  for (const char c : text) inside += c == '"' ? std::string("\"\"") : std::string(1, c);
  return '"' + inside + '"';
}

}  // namespace

PredictionFile::PredictionFile(const std::string& path, const PredictionHeader& header)
    : partial_(path), header_(header), file_(File::create(partial_.partial_path())) {
  const std::uint64_t n = header_.images;
  const auto classes = static_cast<std::uint64_t>(header_.classes);
  const auto k = static_cast<std::uint64_t>(header_.top_k);
  logits_ = file_.create_dataset<float>("/logits", {n, classes});
  top_k_ = file_.create_dataset<std::int32_t>("/top_k", {n, k});
  probabilities_ = file_.create_dataset<float>("/top_k_probability", {n, k});
  if (!header_.has_paths) samples_ = file_.create_dataset<std::uint64_t>("/samples", {n});
  if (header_.has_labels) labels_ = file_.create_dataset<std::int32_t>("/labels", {n});
}

void PredictionFile::add(const Prediction& prediction) {
  logits_->write_rows<float>(rows_, 1, prediction.scores);
  const std::vector<std::int32_t> top(prediction.top.begin(), prediction.top.end());
  top_k_->write_rows<std::int32_t>(rows_, 1, top);
  probabilities_->write_rows<float>(rows_, 1, prediction.probabilities);
  if (samples_) samples_->write_rows<std::uint64_t>(rows_, 1, {&prediction.sample, 1});
  if (header_.has_paths) paths_.push_back(prediction.path);
  if (labels_) {
    const std::int32_t label = prediction.label.value();
    labels_->write_rows<std::int32_t>(rows_, 1, {&label, 1});
  }
  ++rows_;
}

void PredictionFile::publish(const nlohmann::json& attributes) {
  for (auto* dataset : {&logits_, &top_k_, &probabilities_, &samples_, &labels_}) dataset->reset();
  if (header_.has_paths) file_.write_strings("/paths", paths_);
  if (!header_.class_names.empty()) file_.write_strings("/class_names", header_.class_names);
  file_.set_attribute("/", "format", "resnext-prediction");
  file_.set_attribute("/", "format_version", std::int64_t(1));
  for (const auto& [name, value] : attributes.items())
    file_.set_attribute("/", name, to_attribute(value));
  file_.close();
  partial_.publish();
}

PredictionTable::PredictionTable(const std::string& path, const PredictionHeader& header)
    : path_(path), partial_(path), header_(header), file_(partial_.partial_path()) {
  file_ << (header_.has_paths ? "path" : "sample") << ",label";
  for (int rank = 1; rank <= header_.top_k; ++rank)
    file_ << fmt::format(",rank{}_class,rank{}_probability", rank, rank);
  file_ << "\n";
  require_written();
}

void PredictionTable::add(const Prediction& prediction) {
  file_ << quoted(prediction.name()) << ','
        << (prediction.label ? quoted(header_.class_name(*prediction.label)) : "");
  for (std::size_t i = 0; i < prediction.top.size(); ++i)
    file_ << fmt::format(",{},{:.6g}", quoted(header_.class_name(prediction.top[i])),
                         prediction.probabilities[i]);
  file_ << "\n";
  require_written();
}

void PredictionTable::publish() {
  file_.close();
  require_written();
  partial_.publish();
}

void PredictionTable::require_written() {
  if (!file_) throw std::runtime_error(fmt::format("{}: cannot be written", path_));
}

}  // namespace resnext::worker
