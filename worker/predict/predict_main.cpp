// resnext-predict: scores and best classes of images, by one network or an ensemble.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/program.h"
#include "data/class_names.h"
#include "worker/evaluation/class_mapping.h"
#include "worker/evaluation/error_counts.h"
#include "worker/evaluation/scores.h"
#include "worker/evaluation/test_images.h"
#include "worker/evaluation/view_scores.h"
#include "worker/input_defaults.h"
#include "worker/predict/ensemble.h"
#include "worker/predict/predict_options.h"
#include "worker/predict/prediction_file.h"
#include "worker/result_file.h"
#include "worker/setup.h"

namespace resnext::worker {
namespace {

using Clock = std::chrono::steady_clock;

/// Passes predictions on to the files and the screen.
class Output {
 public:
  Output(const PredictOptions& options, PredictionHeader header)
      : header_(std::move(header)), print_(options.out.empty() && options.csv.empty()) {
    if (!options.out.empty()) file_ = std::make_unique<PredictionFile>(options.out, header_);
    if (!options.csv.empty()) table_ = std::make_unique<PredictionTable>(options.csv, header_);
  }

  void add(const Prediction& prediction) {
    if (file_) file_->add(prediction);
    if (table_) table_->add(prediction);
    if (!print_) return;
    std::string line = prediction.name() + ":";
    for (std::size_t i = 0; i < prediction.top.size(); ++i)
      line += fmt::format("{} {} {:.2f}%", i == 0 ? "" : ",", header_.class_name(prediction.top[i]),
                          100 * prediction.probabilities[i]);
    fmt::print("{}\n", line);
  }

  void publish(const nlohmann::json& attributes) {
    if (file_) file_->publish(attributes);
    if (table_) table_->publish();
  }

 private:
  const PredictionHeader header_;
  const bool print_;
  std::unique_ptr<PredictionFile> file_;
  std::unique_ptr<PredictionTable> table_;
};

/// A line now and then for whoever waits.
class Progress {
 public:
  explicit Progress(std::uint64_t images) : images_(images) {}

  void done(std::uint64_t images) {
    const auto now = Clock::now();
    if (now - printed_ < std::chrono::seconds(30) || images == images_) return;
    printed_ = now;
    const double seconds = std::chrono::duration<double>(now - start_).count();
    fmt::print(stderr, "resnext-predict: {} of {} images, {:.1f} images/s\n", images, images_,
               double(images) / seconds);
  }

 private:
  const std::uint64_t images_;
  const Clock::time_point start_ = Clock::now();
  Clock::time_point printed_ = start_;
};

Prediction to_prediction(std::uint64_t sample, const std::string& path,
                         std::span<const float> scores, int top_k) {
  Prediction prediction{sample, path, std::nullopt, scores, top_classes(scores, top_k), {}};
  const double log_sum = log_sum_exp(scores);
  for (const int c : prediction.top)
    prediction.probabilities.push_back(static_cast<float>(std::exp(scores[c] - log_sum)));
  return prediction;
}

/// The classes of the network, by name: empty where nobody knows.
std::vector<std::string> class_names_of(const PredictOptions& options,
                                        const std::vector<StoredNetwork>& networks) {
  if (options.class_names.empty()) {
    for (const StoredNetwork& network : networks)
      if (!network.class_names.empty()) return network.class_names;
    return {};
  }
  auto names = data::read_class_names_file(options.class_names);
  const int classes = networks.front().classes;
  if (static_cast<int>(names.size()) != classes) {
    throw std::runtime_error(fmt::format("--class-names {}: {} names for the {} classes of {}",
                                         options.class_names, names.size(), classes,
                                         networks.front().path));
  }
  return names;
}

nlohmann::json describe_prediction(const PredictOptions& options, const Ensemble& ensemble,
                                   const std::vector<StoredNetwork>& networks,
                                   const TestImages& images, const std::string& views) {
  nlohmann::json json = describe_provenance(cpu_device(), 1);
  json.erase("mpi");
  json.erase("ranks");
  std::vector<std::string> models, sources;
  for (const StoredNetwork& network : networks) models.push_back(network.spec.name);
  for (const auto& network : ensemble.networks()) sources.push_back(network.weights.source);
  json["model"] = fmt::format("{}", fmt::join(models, ","));
  json["weights"] = sources;
  json["source"] = images.name();
  json["threads"] = options.threads;
  json["batch"] = options.batch;
  json["image-size"] = ensemble.input().height;
  json["views"] = views;
  if (options.tensor.empty()) {
    json.update(attributes_of(options.protocol));
  } else {
    json["protocol"] = protocol_name(options.protocol.views);
    json["average"] = average_name(options.protocol.average);
  }
  return json;
}

void add_errors(const ValidationResult& result, nlohmann::json& json) {
  json["images"] = result.images;
  json["loss"] = result.loss;
  json["top1_error"] = result.top1_error;
  json["top5_error"] = result.top5_error;
  if (!result.restricted) return;
  json["restricted_classes"] = result.restricted->classes;
  json["restricted_top1_error"] = result.restricted->top1_error;
  json["restricted_top5_error"] = result.restricted->top5_error;
}

/// Shows the images to the networks, batch by batch. Returns the errors, where labels are known.
ErrorCounts predict_all(const PredictOptions& options, const Ensemble& ensemble,
                        const std::optional<ClassMapping>& classes, int top_k, TestImages& images,
                        Output& output) {
  std::vector<ViewScores::Network> networks;
  for (const auto& network : ensemble.networks())
    networks.push_back({network.engine.get(), network.weights.statistics});
  ViewScores scores(networks, ensemble.classes(), options.batch, ensemble.input(),
                    options.protocol.average);
  const auto row = static_cast<std::size_t>(ensemble.classes());
  ErrorCounts counts;
  Progress progress(images.size());
  std::vector<std::int32_t> labels;
  for (std::uint64_t first = 0; first < images.size(); first += labels.size()) {
    labels.clear();
    const auto last = std::min<std::uint64_t>(images.size(), first + options.batch);
    for (std::uint64_t i = first; i < last; ++i) {
      const ImageViews& image = images.next();
      scores.add(image.views);
      labels.push_back(image.label);
    }
    const std::span<const float> rows = scores.take();
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const auto of_image = rows.subspan(i * row, row);
      Prediction prediction = to_prediction(first + i, images.path(first + i), of_image, top_k);
      if (classes) {
        prediction.label = classes->to_model[labels[i]];
        count_image(of_image, *classes, labels[i], counts);
      }
      output.add(prediction);
    }
    progress.done(last);
  }
  return counts;
}

int run(const std::vector<std::string>& arguments) {
  ParsedPredictOptions parsed = parse_predict_options(arguments);
  if (parsed.information) {
    fmt::print("{}", parsed.information->text);
    return cli::kSuccess;
  }
  PredictOptions& options = parsed.options;
  for (const std::string& path : {options.out, options.csv})
    if (!path.empty()) check_result_path(path);
  const std::vector<StoredNetwork> networks = read_networks(options);
  const std::vector<std::string> names = class_names_of(options, networks);
  TestImages images(options, networks.front());
  const Ensemble ensemble(networks, images.image_size(), options);
  const std::string views =
      options.tensor.empty() ? describe(images.protocol()) : "each image of the tensor";

  const LabelMatch match = images.match_labels(names, ensemble.classes());
  if (!match.note.empty()) fmt::print(stderr, "resnext-predict: note: {}\n", match.note);
  const int top_k = std::min(options.top_k, ensemble.classes());
  Output output(options, {images.size(), ensemble.classes(), top_k, images.has_paths(),
                          match.classes.has_value(), names});
  const ErrorCounts counts = predict_all(options, ensemble, match.classes, top_k, images, output);
  options.protocol = images.protocol();
  nlohmann::json attributes = describe_prediction(options, ensemble, networks, images, views);
  std::string errors;
  if (match.classes) {
    const ValidationResult result = to_result(counts, *match.classes);
    add_errors(result, attributes);
    errors = ": " + describe(result);
  }
  output.publish(attributes);
  fmt::print("predicted {} image{}, {}{}\n", images.size(), images.size() == 1 ? "" : "s", views,
             errors);
  return cli::kSuccess;
}

}  // namespace
}  // namespace resnext::worker

int main(int argc, char** argv) {
  return resnext::cli::run_program("resnext-predict", argc, argv, [](const auto& arguments) {
    std::signal(SIGXFSZ,
                SIG_IGN);  // a file-size limit is then an error of write(), like a full disk
    return resnext::worker::run(arguments);
  });
}
