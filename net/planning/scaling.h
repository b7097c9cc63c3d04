#pragma once
// Scale on paper: what training would do on many GPUs, before there are any (README.md here).

#include <string>
#include <vector>

#include "net/planning/calibration.h"
#include "net/planning/step_estimate.h"

namespace resnext::net {

/// What is asked.
struct ScalingRequest {
  std::vector<std::string> models;
  DeviceDescription device;
  Precision precision = Precision::kBf16;
  int batch_per_replica = 32;  ///< images of one GPU in a step
  bool exact = true;
  std::vector<int> gpus;
  double bucket_mib = 0;  ///< 0: the best
};

/// One model on so many GPUs.
struct ScalingRow {
  std::string model;
  int gpus = 1;
  StepEstimate step;
  double compute_seconds = 0;    ///< forward and backward pass
  double images_per_second = 0;  ///< of all GPUs
  double efficiency = 0;         ///< of a GPU, against the same model on one
  double fast_seconds = 0;       ///< the step with fast reduction, in its own best buckets
  double usual_seconds = 0;      ///< the step in the buckets that resnext-worker takes by itself
};

struct ScalingTable {
  ScalingRequest request;
  Attained attained;
  ModelError error;
  std::vector<ScalingRow> rows;  ///< by model, then by number of GPUs, as asked
};

/// Every network of Tables 3 and 4 of the paper.
std::vector<std::string> table_3_and_4_models();

/// Throws std::invalid_argument for names that are no models.
ScalingTable scale_on_paper(const ScalingRequest& request, const Calibration& calibration,
                            const Attained& attained);

}  // namespace resnext::net
