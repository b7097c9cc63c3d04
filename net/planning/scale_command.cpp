#include "net/planning/scale_command.h"

#include <algorithm>
#include <ostream>
#include <stdexcept>

#include <boost/program_options.hpp>
#include <fmt/format.h>

#include "cli/comma_list.h"
#include "cli/nearest_name.h"
#include "cli/program.h"
#include "net/planning/precision_name.h"
#include "net/planning/scaling_report.h"

namespace resnext::net {
namespace {
namespace po = boost::program_options;

constexpr int kMostGpus = 65536;  // that the tree sum of net/cuda/kernels has levels for
constexpr int kLargestBatch = 16384;
constexpr double kLargestBucketMib = 1024;  // as in resnext-worker

constexpr const char* kUsage =
    "Usage: resnext-info --scale [MODEL...] [options]\n"
    "Estimates time, throughput and efficiency of training steps on many GPUs, from the roofline\n"
    "of the program that a GPU would run and a model of NVLink and network. Nothing is "
    "measured.\n\n"
    "Example: resnext-info --scale resnext101_64x4d --gpu a100 --gpus 8,64,512 --reduce fast\n\n";

po::options_description scale_options() {
  po::options_description options("Options");
  auto add = options.add_options();
  add("scale", "this; of all models of Tables 3 and 4 if none is named");
  add("gpu", po::value<std::string>()->value_name("GPU")->default_value("h100"),
      "a100, h100, h200, b200, or a FILE.json of the same form (net/devices)");
  add("batch-per-replica", po::value<int>()->value_name("N")->default_value(32),
      "images of one GPU in a step");
  add("precision", po::value<std::string>()->value_name("P")->default_value("bf16"),
      "fp32, tf32 or bf16");
  add("reduce", po::value<std::string>()->value_name("exact|fast")->default_value("exact"),
      "how gradients are summed, as in resnext-worker");
  add("gpus", po::value<std::string>()->value_name("N,...")->default_value("1,8,64,512,4096"),
      "numbers of GPUs");
  add("attained", po::value<double>()->value_name("F"),
      "fraction of the roofline that kernels reach [from a published figure]");
  add("bucket-mib", po::value<double>()->value_name("MIB"), "size of a gradient bucket [the best]");
  add("json", "print one JSON object, for programs");
  add("help,h", "show this help");
  return options;
}

/// Turns what the user named wrongly into a complaint about the option.
template <typename Read>
auto of_option(const char* option, const Read& read) {
  try {
    return read();
  } catch (const std::invalid_argument& error) {
    throw cli::UsageError(fmt::format("--{}: {}", option, error.what()));
  }
}

bool is_exact(const std::string& name) {
  const std::vector<std::string> names = {"exact", "fast"};
  if (name == names[0]) return true;
  if (name == names[1]) return false;
  throw std::invalid_argument(
      fmt::format("'{}' is neither exact nor fast{}", name, cli::did_you_mean(name, names)));
}

std::vector<int> gpu_counts(const std::string& text) {
  std::vector<int> counts = cli::parse_positive_integers("gpus", text);
  if (counts.empty()) throw cli::UsageError("--gpus: no number given; e.g. 8,64,512");
  for (const int gpus : counts) {
    if (gpus > kMostGpus) {
      throw cli::UsageError(fmt::format("--gpus must be 1 to {}, not {}", kMostGpus, gpus));
    }
  }
  return counts;
}

void require(bool holds, const char* option, const std::string& what) {
  if (!holds) throw cli::UsageError(fmt::format("--{} must be {}", option, what));
}

std::vector<std::string> models_of(const po::variables_map& values) {
  if (!values.contains("model")) return table_3_and_4_models();
  const auto& models = values["model"].as<std::vector<std::string>>();
  for (const std::string& model : models) {
    try {
      parse_spec(model);
    } catch (const std::invalid_argument& error) {
      throw cli::UsageError(error.what());
    }
  }
  return models;
}

ScalingRequest request_of(const po::variables_map& values) {
  const auto text = [&](const char* name) { return values[name].as<std::string>(); };
  ScalingRequest request;
  request.models = models_of(values);
  request.device = of_option("gpu", [&] { return read_device(text("gpu")); });
  request.precision = of_option("precision", [&] { return parse_precision(text("precision")); });
  request.exact = of_option("reduce", [&] { return is_exact(text("reduce")); });
  request.gpus = gpu_counts(text("gpus"));
  request.batch_per_replica = values["batch-per-replica"].as<int>();
  require(request.batch_per_replica >= 1 && request.batch_per_replica <= kLargestBatch,
          "batch-per-replica", fmt::format("1 to {}", kLargestBatch));
  if (values.contains("bucket-mib")) {
    request.bucket_mib = values["bucket-mib"].as<double>();
    require(request.bucket_mib > 0 && request.bucket_mib <= kLargestBucketMib, "bucket-mib",
            fmt::format("above 0, and {} at most", kLargestBucketMib));
  }
  return request;
}

Attained attained_of(const po::variables_map& values, const ScalingRequest& request,
                     const Calibration& calibration) {
  if (!values.contains("attained")) {
    return attained_fraction(calibration, request.device, request.precision);
  }
  const double fraction = values["attained"].as<double>();
  require(fraction > 0 && fraction <= 1, "attained", "above 0, and 1 at most");
  return {fraction, "--attained", false};
}

}  // namespace

bool is_scale_command(const std::vector<std::string>& arguments) {
  return std::find(arguments.begin(), arguments.end(), "--scale") != arguments.end();
}

int run_scale_command(const std::vector<std::string>& arguments, std::ostream& out) {
  const po::options_description visible = scale_options();
  po::options_description all;
  all.add(visible);
  all.add_options()("model", po::value<std::vector<std::string>>());
  po::positional_options_description positional;
  positional.add("model", -1);
  const po::variables_map values = cli::parse_command_line(arguments, all, positional);
  if (values.contains("help")) {
    out << kUsage << visible << kScalingJsonKeys;
    return cli::kSuccess;
  }
  const ScalingRequest request = request_of(values);
  const Calibration calibration = read_calibration();
  const ScalingTable table =
      scale_on_paper(request, calibration, attained_of(values, request, calibration));
  out << (values.contains("json") ? scaling_json(table) : scaling_text(table));
  return cli::kSuccess;
}

}  // namespace resnext::net
