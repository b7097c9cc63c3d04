#include "net/planning/scaling.h"

namespace resnext::net {
namespace {

StepEstimate estimate(const ComputeProfile& profile, const Interconnect& interconnect, bool exact,
                      double bucket_mib) {
  ReductionScheme scheme;
  scheme.exact = exact;
  if (bucket_mib <= 0) return estimate_best_step(profile, interconnect, scheme);
  scheme.bucket_mib = bucket_mib;
  return estimate_step(profile, interconnect, scheme);
}

}  // namespace

std::vector<std::string> table_3_and_4_models() {
  return {"resnet50",         "resnext50_2x40d",  "resnext50_4x24d",  "resnext50_8x14d",
          "resnext50_32x4d",  "resnet101",        "resnext101_2x40d", "resnext101_4x24d",
          "resnext101_8x14d", "resnext101_32x4d", "resnet200_preact", "resnet101_1x100d",
          "resnext101_2x64d", "resnext101_64x4d"};
}

ScalingTable scale_on_paper(const ScalingRequest& request, const Calibration& calibration,
                            const Attained& attained) {
  ScalingTable table{request, attained, calibration.error, {}};
  const DeviceFigures& figures = request.device.figures;
  for (const std::string& model : request.models) {
    const ComputeProfile profile = profile_model(model, request.batch_per_replica, figures,
                                                 request.precision, attained.fraction);
    const auto on = [&](int gpus, bool exact, double bucket_mib) {
      return estimate(profile, Interconnect(figures, gpus, calibration.message_gap), exact,
                      bucket_mib);
    };
    const double alone = on(1, request.exact, request.bucket_mib).seconds;
    for (const int gpus : request.gpus) {
      ScalingRow row;
      row.model = model;
      row.gpus = gpus;
      row.step = on(gpus, request.exact, request.bucket_mib);
      row.compute_seconds = profile.seconds;
      row.images_per_second = double(gpus) * request.batch_per_replica / row.step.seconds;
      row.efficiency = alone / row.step.seconds;
      row.fast_seconds = on(gpus, false, 0).seconds;
      row.usual_seconds = on(gpus, request.exact, ReductionScheme{}.bucket_mib).seconds;
      table.rows.push_back(row);
    }
  }
  return table;
}

}  // namespace resnext::net
