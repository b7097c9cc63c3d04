#include "net/planning/calibration.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "net/planning/calibration_text.h"
#include "net/planning/precision_name.h"
#include "net/planning/step_estimate.h"

namespace resnext::net {
namespace {
using Json = nlohmann::json;

MeasuredThroughput parse_throughput(const Json& json) {
  return {json.at("gpu"),   json.at("device"), parse_precision(json.at("precision")),
          json.at("model"), json.at("batch"),  json.at("images_per_second"),
          json.at("source")};
}

ModelError parse_error(const Json& json) {
  return {json.at("efficiencies"),
          json.at("mean_efficiency_points"),
          json.at("max_efficiency_points"),
          json.at("throughputs"),
          json.at("mean_throughput_percent"),
          json.at("max_throughput_percent")};
}

/// The more alike, the greater.
int likeness(const MeasuredThroughput& figure, const DeviceDescription& device,
             Precision precision) {
  const bool same_gpu = device.name.find(figure.gpu) != std::string::npos;
  return (figure.precision == precision ? 2 : 0) + (same_gpu ? 1 : 0);
}

double fraction_of_roofline(const MeasuredThroughput& figure) {
  const DeviceFigures figures = read_device(figure.device).figures;
  const ComputeProfile bound =
      profile_model(figure.model, figure.batch_size, figures, figure.precision, 1);
  const double least = estimate_best_step(bound, Interconnect(figures, 1, 0), {}).seconds;
  return least * figure.images_per_second / figure.batch_size;
}

}  // namespace

Calibration read_calibration() {
  return parse_calibration(calibration_text());
}

Calibration parse_calibration(std::string_view text) {
  try {
    const Json json = Json::parse(text);
    Calibration calibration;
    for (const Json& figure : json.at("attained")) {
      calibration.attained.push_back(parse_throughput(figure));
    }
    if (calibration.attained.empty()) throw std::invalid_argument("'attained' is empty");
    calibration.message_gap = json.at("message_gap");
    calibration.error = parse_error(json.at("error"));
    return calibration;
  } catch (const std::exception& error) {
    throw std::invalid_argument(fmt::format("calibration.json: {}", error.what()));
  }
}

Attained attained_fraction(const Calibration& calibration, const DeviceDescription& device,
                           Precision precision) {
  const auto& figure =
      *std::max_element(calibration.attained.begin(), calibration.attained.end(),
                        [&](const MeasuredThroughput& a, const MeasuredThroughput& b) {
                          return likeness(a, device, precision) < likeness(b, device, precision);
                        });
  Attained attained;
  attained.fraction = fraction_of_roofline(figure);
  attained.assumed = likeness(figure, device, precision) < 3;
  attained.basis =
      fmt::format("{} images/s of {} on one {}, {}, batch {}", figure.images_per_second,
                  figure.model, figure.gpu, precision_name(figure.precision), figure.batch_size);
  return attained;
}

}  // namespace resnext::net
