#include "net/planning/scaling_report.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "net/planning/precision_name.h"

namespace resnext::net {
namespace {
using Json = nlohmann::ordered_json;

constexpr double kMilli = 1e3;
/// Of a step; less is not worth a sentence.
constexpr double kNoticeable = 0.01;

std::string error_text(const ModelError& error) {
  return fmt::format(
      "Against published figures its efficiencies are {:.1f} points off in the mean, {:.1f} at "
      "most "
      "({} figures),\n"
      "its images/s {:.1f}% in the mean, {:.1f}% at most ({} figures): see "
      "net/planning/README.md.\n",
      error.mean_efficiency_points, error.max_efficiency_points, error.efficiencies,
      error.mean_throughput_percent, error.max_throughput_percent, error.throughputs);
}

std::string heading(const ScalingTable& table) {
  const ScalingRequest& request = table.request;
  return fmt::format(
      "Scale on paper: a model, not a measurement.\n"
      "{}, {} a node; {} images a GPU and step, {}, {} reduction.\n"
      "Kernels attain {:.1f}% of the roofline ({}){}.\n"
      "{}\n",
      request.device.name, request.device.figures.gpus_per_node, request.batch_per_replica,
      precision_name(request.precision), request.exact ? "exact" : "fast",
      100 * table.attained.fraction, table.attained.basis,
      table.attained.assumed ? ": assumed to hold here" : "", error_text(table.error));
}

/// How much longer a step is than with fast reduction, e.g. 0.05.
double over_fast(const ScalingRow& row) {
  return row.step.seconds / row.fast_seconds - 1;
}

std::string row_text(const ScalingRow& row, std::size_t width) {
  return fmt::format(
      "{:<{}}  {:>5}  {:>7.2f}  {:>9.0f}  {:>9.1f}%  {:>7.2f}  {:>7.2f}  {:>6g}  {:>8.2f}  "
      "{:>+9.1f}%\n",
      row.model, width, row.gpus, kMilli * row.step.seconds, row.images_per_second,
      100 * row.efficiency, kMilli * row.step.hidden(), kMilli * row.step.exposed,
      row.step.bucket_mib, kMilli * row.usual_seconds, 100 * over_fast(row));
}

/// Says in words what exact reduction costs.
std::string price_text(const ScalingTable& table) {
  if (!table.request.exact) return {};
  const auto dearest = std::max_element(
      table.rows.begin(), table.rows.end(),
      [](const ScalingRow& a, const ScalingRow& b) { return over_fast(a) < over_fast(b); });
  const auto dear = std::count_if(table.rows.begin(), table.rows.end(), [](const ScalingRow& row) {
    return over_fast(row) >= kNoticeable;
  });
  if (dear == 0) {
    return fmt::format(
        "\nExact reduction costs less than {:.0f}% of a step over fast everywhere "
        "here.\n",
        100 * kNoticeable);
  }
  return fmt::format(
      "\nExact reduction makes a step longer than fast by {:.0f}% or more in {} of {} rows; most "
      "for "
      "{} on {} GPUs: {:.1f}%.\n",
      100 * kNoticeable, dear, table.rows.size(), dearest->model, dearest->gpus,
      100 * over_fast(*dearest));
}

Json row_json(const ScalingRow& row) {
  return {{"model", row.model},
          {"gpus", row.gpus},
          {"step_ms", kMilli * row.step.seconds},
          {"images_per_second", row.images_per_second},
          {"efficiency", row.efficiency},
          {"compute_ms", kMilli * row.compute_seconds},
          {"hidden_ms", kMilli * row.step.hidden()},
          {"exposed_ms", kMilli * row.step.exposed},
          {"bucket_mib", row.step.bucket_mib},
          {"usual_bucket_step_ms", kMilli * row.usual_seconds},
          {"fast_step_ms", kMilli * row.fast_seconds}};
}

Json error_json(const ModelError& error) {
  return {{"efficiencies", error.efficiencies},
          {"mean_efficiency_points", error.mean_efficiency_points},
          {"max_efficiency_points", error.max_efficiency_points},
          {"throughputs", error.throughputs},
          {"mean_throughput_percent", error.mean_throughput_percent},
          {"max_throughput_percent", error.max_throughput_percent}};
}

}  // namespace

const char* const kScalingJsonKeys =
    "\nKeys of --json: is (what this is), device {name, from}, precision, batch_per_replica, "
    "reduce,\n"
    "attained {fraction, basis, assumed}, error {efficiencies, mean_efficiency_points,\n"
    "max_efficiency_points, throughputs, mean_throughput_percent, max_throughput_percent},\n"
    "rows [{model, gpus, step_ms, images_per_second, efficiency, compute_ms, hidden_ms,\n"
    "exposed_ms, bucket_mib, usual_bucket_step_ms, fast_step_ms}].\n";

std::string scaling_text(const ScalingTable& table) {
  std::size_t width = std::string_view("model").size();
  for (const ScalingRow& row : table.rows) width = std::max(width, row.model.size());
  std::string text = heading(table);
  const auto line = [&](auto... words) {
    text += fmt::format("{:<{}}  {:>5}  {:>7}  {:>9}  {:>10}  {:>7}  {:>7}  {:>6}  {:>8}  {:>10}\n",
                        words...);
  };
  line("", width, "", "step", "", "", "reduce", "reduce", "bucket", "ms in", "step over");
  line("model", width, "GPUs", "ms", "images/s", "efficiency", "hidden", "exposed", "MiB", "4 MiB",
       "fast");
  for (const ScalingRow& row : table.rows) text += row_text(row, width);
  return text + price_text(table);
}

std::string scaling_json(const ScalingTable& table) {
  const ScalingRequest& request = table.request;
  Json json = {{"is", "a model, not a measurement"},
               {"device", {{"name", request.device.name}, {"from", request.device.where}}},
               {"precision", precision_name(request.precision)},
               {"batch_per_replica", request.batch_per_replica},
               {"reduce", request.exact ? "exact" : "fast"},
               {"attained",
                {{"fraction", table.attained.fraction},
                 {"basis", table.attained.basis},
                 {"assumed", table.attained.assumed}}},
               {"error", error_json(table.error)},
               {"rows", Json::array()}};
  for (const ScalingRow& row : table.rows) json["rows"].push_back(row_json(row));
  return json.dump(2) + "\n";
}

}  // namespace resnext::net
