#include "worker/predict/predict_options.h"

#include <sstream>
#include <thread>

#include <fmt/format.h>

#include "cli/comma_list.h"
#include "cli/program.h"
#include "cli/revision.h"

namespace resnext::worker {
namespace po = boost::program_options;

namespace {

using Words = std::vector<std::string>;

constexpr const char* kUsage =
    "Usage: resnext-predict [--model NAME] --init WEIGHTS [options] SOURCE\n"
    "       resnext-predict [--model NAME] --init WEIGHTS [options] --tensor X.h5\n"
    "\n"
    "Gives the scores (logits) and best classes of images. SOURCE is an image, a folder of images, "
    "a\n"
    "folder of class folders, or shards (a folder, FOLDER/NAME or a file). With labels it counts\n"
    "errors. Several weights are an ensemble. The files it writes: results/README.md.\n"
    "\n"
    "Example:\n"
    "  resnext-predict --init checkpoint-500500.h5 --protocol ten-crop --out val.h5 shards/val\n";

void require(bool valid, const std::string& option, const std::string& reason) {
  if (!valid) throw cli::UsageError(fmt::format("--{}: {}", option, reason));
}

/// Options may be repeated, and each may hold several values.
Words join(const Words& given) {
  Words all;
  for (const std::string& text : given)
    for (const std::string& item : cli::split_at_commas(text)) all.push_back(item);
  return all;
}

std::vector<float> to_floats(const std::string& option, const std::string& text) {
  const std::vector<double> numbers = cli::parse_numbers(option, text);
  return {numbers.begin(), numbers.end()};
}

struct RawOptions {
  Words models, weights, sources;
  std::string mean, deviation;
  TestOptions test;
};

po::options_description describe_options(PredictOptions& o, RawOptions& raw) {
  po::options_description visible("Networks and images");
  visible.add_options()("model", po::value(&raw.models)->composing(),
                        "e.g. resnext50_32x4d; default: what the checkpoint says. One for each of "
                        "several weights, or one for all")(
      "init", po::value(&raw.weights)->composing(),
      "checkpoint or safetensors file; FILE,FILE,... (or repeated): an ensemble")(
      "tensor", po::value(&o.tensor),
      "HDF5 file with normalised pixels: dataset images, float32, N x C x H x W")(
      "class-names", po::value(&o.class_names),
      "file of the network's class names, one a line; default: what the checkpoint holds")(
      "image-size", po::value(&o.image_size),
      "pixels a side that the network was trained with; default: what the checkpoint says, or 224")(
      "mean", po::value(&raw.mean), "channel means, full intensity being 1; default: likewise")(
      "deviation", po::value(&raw.deviation), "channel standard deviations; default: likewise")(
      "batch", po::value(&o.batch)->default_value(o.batch), "views computed together")(
      "threads", po::value(&o.threads)->default_value(o.threads), "compute threads")(
      "decode-threads", po::value(&o.decode_threads)->default_value(o.decode_threads),
      "threads that read and decode");
  po::options_description views("Views");
  add_test_options(views, raw.test);
  po::options_description output("Output (without files, a line an image)");
  output.add_options()("out", po::value(&o.out), "HDF5 file")("csv", po::value(&o.csv),
                                                              "file of comma-separated values")(
      "top-k", po::value(&o.top_k)->default_value(o.top_k), "best classes that are given")(
      "help,h", "this text")("version", "the version");
  return visible.add(views).add(output);
}

void check(const PredictOptions& o, const RawOptions& raw) {
  require(!o.weights.empty(), "init", "is missing; it names the network's weights");
  require(o.models.size() <= 1 || o.models.size() == o.weights.size(), "model",
          fmt::format("{} models for {} files of --init; give one for all, or one each",
                      o.models.size(), o.weights.size()));
  if (raw.sources.size() > 1)
    throw cli::UsageError(fmt::format("'{}': one SOURCE at a time", raw.sources[1]));
  if (o.source.empty() && o.tensor.empty())
    throw cli::UsageError("no SOURCE given: an image, a folder, shards, or --tensor FILE");
  require(o.top_k >= 1, "top-k", "must be at least 1");
  require(o.batch >= 1 && o.batch <= 65536, "batch", "must be between 1 and 65536");
  require(o.threads >= 1 && o.threads <= 1024, "threads", "must be between 1 and 1024");
  require(o.decode_threads >= 1 && o.decode_threads <= 1024, "decode-threads",
          "must be between 1 and 1024");
  require(o.image_size >= 0 && o.image_size <= 4096, "image-size", "must be between 1 and 4096");
  require(o.mean.size() == o.deviation.size(), "mean", "goes with --deviation, and as many values");
  for (const float deviation : o.deviation) require(deviation > 0, "deviation", "must be positive");
  if (o.tensor.empty()) return;
  require(o.source.empty(), "tensor", fmt::format("takes the place of SOURCE ({})", o.source));
  const bool cropped = raw.test.crop > 0 || raw.test.resize > 0 || !raw.test.scales.empty();
  require(!cropped && o.protocol.views != Views::kTenCrop, "tensor",
          "its images are the views; --test-crop, --test-resize, --test-scales and --protocol "
          "ten-crop do not go with it");
  require(o.mean.empty(), "tensor",
          "its images are normalised already; --mean does not go with it");
}

}  // namespace

ParsedPredictOptions parse_predict_options(const std::vector<std::string>& arguments) {
  ParsedPredictOptions parsed;
  PredictOptions& o = parsed.options;
  o.threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  RawOptions raw;
  const po::options_description visible = describe_options(o, raw);
  po::options_description all;
  all.add(visible);
  all.add_options()("source", po::value(&raw.sources));
  po::positional_options_description positional;
  positional.add("source", -1);
  po::variables_map values = cli::parse_command_line(arguments, all, positional);
  if (values.contains("help")) {
    std::ostringstream text;
    text << kUsage << "\n" << visible;
    parsed.information = InformationRequest{text.str()};
    return parsed;
  }
  if (values.contains("version")) {
    parsed.information = InformationRequest{"resnext-predict " + cli::version() + "\n"};
    return parsed;
  }
  po::notify(values);
  o.models = join(raw.models);
  o.weights = join(raw.weights);
  if (!raw.sources.empty()) o.source = raw.sources.front();
  o.mean = to_floats("mean", raw.mean);
  o.deviation = to_floats("deviation", raw.deviation);
  o.protocol = parse_test_protocol(raw.test);
  check(o, raw);
  return parsed;
}

}  // namespace resnext::worker
