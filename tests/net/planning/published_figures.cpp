#include "published_figures.h"

#include <algorithm>
#include <cmath>
#include <fstream>

#include <nlohmann/json.hpp>

#include "net/planning/calibration_text.h"
#include "net/planning/precision_name.h"
#include "net/planning/step_estimate.h"

namespace resnext::net {
namespace {
using Json = nlohmann::json;

Json published() {
  return Json::parse(std::ifstream(RESNEXT_SOURCE_DIR "/tests/net/planning/published.json"));
}

/// A known name, or a file of tests/net/devices.
std::string device_path(const std::string& device) {
  const bool is_file = device.ends_with(".json");
  return (is_file ? RESNEXT_SOURCE_DIR "/tests/net/devices/" : "") + device;
}

class Run {
 public:
  Run(const Json& check, const Calibration& calibration)
      : check_(check),
        device_(read_device(device_path(check.at("device")))),
        message_gap_(calibration.message_gap) {
    const Precision precision = parse_precision(check.at("precision"));
    const Attained attained = attained_fraction(calibration, device_, precision);
    if (attained.assumed) throw std::invalid_argument("no calibration for " + device_.name);
    profile_ = profile_model(check.at("model"), check.at("batch"), device_.figures, precision,
                             attained.fraction);
  }

  double step_seconds(int gpus) const {
    ReductionScheme scheme;
    scheme.exact = false;
    scheme.bytes_per_gradient = check_.value("bytes_per_gradient", 4.0);
    const Interconnect interconnect(device_.figures, gpus, message_gap_);
    if (!check_.contains("bucket_mib")) {
      return estimate_best_step(profile_, interconnect, scheme).seconds;
    }
    scheme.bucket_mib = check_.at("bucket_mib");
    return estimate_step(profile_, interconnect, scheme).seconds;
  }

 private:
  const Json& check_;
  DeviceDescription device_;
  ComputeProfile profile_;
  double message_gap_;
};

Comparison compare(const Json& check, const Calibration& calibration) {
  const Run run(check, calibration);
  const int gpus = check.at("gpus");
  Comparison comparison;
  comparison.name = check.at("name");
  if (check.contains("efficiency")) {
    const int base = check.value("efficiency_base", 1);
    comparison.efficiency = {check.at("efficiency"),
                             run.step_seconds(base) / run.step_seconds(gpus)};
  }
  if (check.contains("images_per_second")) {
    const int batch = check.at("batch");
    comparison.images_per_second = {check.at("images_per_second"),
                                    double(gpus) * batch / run.step_seconds(gpus)};
  }
  return comparison;
}

}  // namespace

Calibration calibration_for_published() {
  Json json = Json::parse(calibration_text());
  const Json file = published();
  for (Json figure : file.at("attained")) {
    figure["device"] = device_path(figure["device"]);
    json["attained"].push_back(figure);
  }
  return parse_calibration(json.dump());
}

std::vector<Comparison> compare_with_published(const Calibration& calibration) {
  std::vector<Comparison> comparisons;
  const Json file = published();
  for (const Json& check : file.at("checks")) comparisons.push_back(compare(check, calibration));
  return comparisons;
}

ModelError error_of(const std::vector<Comparison>& comparisons) {
  ModelError error;
  for (const Comparison& comparison : comparisons) {
    if (comparison.efficiency) {
      const auto [published, modelled] = *comparison.efficiency;
      const double points = 100 * std::abs(modelled - published);
      ++error.efficiencies;
      error.mean_efficiency_points += points;
      error.max_efficiency_points = std::max(error.max_efficiency_points, points);
    }
    if (comparison.images_per_second) {
      const auto [published, modelled] = *comparison.images_per_second;
      const double percent = 100 * std::abs(modelled / published - 1);
      ++error.throughputs;
      error.mean_throughput_percent += percent;
      error.max_throughput_percent = std::max(error.max_throughput_percent, percent);
    }
  }
  error.mean_efficiency_points /= error.efficiencies;
  error.mean_throughput_percent /= error.throughputs;
  return error;
}

}  // namespace resnext::net
