#pragma once
// Everything that a run's future depends on, apart from its configuration: what a checkpoint holds.

#include <cstdint>
#include <vector>

namespace resnext::worker {

/// One row for each training step.
struct TrainingHistory {
  std::vector<std::uint64_t> step;  ///< from 1
  std::vector<double> epoch;        ///< epochs done after the step, a fraction
  std::vector<double> loss;         ///< mean over the global batch
  std::vector<double> top1_error;   ///< of the global batch, in percent
  std::vector<double> learning_rate;
  std::vector<double> images_per_second;
  std::vector<double> data_wait;  ///< share of the step's time spent waiting for data, 0 to 1
  /// L2, of the mean gradient before it is clipped; no rows where it is not.
  std::vector<double> gradient_norm;
};

/// One row for each evaluation.
struct ValidationHistory {
  std::vector<std::uint64_t> step;
  std::vector<double> epoch;
  std::vector<double> loss;
  std::vector<double> top1_error;  ///< percent
  std::vector<double> top5_error;  ///< percent
  /// Among the validation set's own classes; no rows where the network has no others.
  std::vector<double> restricted_top1_error{}, restricted_top5_error{};
};

struct TrainingState {
  std::uint64_t step = 0;         ///< steps done
  std::vector<float> parameters;  ///< the arena
  std::vector<float> momentum;    ///< in arena order
  std::vector<float> statistics;  ///< replica 0's running statistics, in the graph's order
  /// Moving averages of parameters and statistics; empty where there is none, or before the first
  /// step.
  std::vector<float> average, average_statistics;
  TrainingHistory training;
  ValidationHistory validation;
  /// That it took, in all runs of the program that led to it; what they did after their last
  /// checkpoint and lost is not in it.
  double seconds = 0;
};

}  // namespace resnext::worker
