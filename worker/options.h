#pragma once
// The worker's command line: every option, its default and its validity.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "worker/comm/gradient_reduction.h"
#include "worker/schedule.h"
#include "worker/sgd.h"

namespace resnext::worker {

struct Options {
  std::string model;
  std::string data, val_data;  ///< empty: the synthetic set, no validation
  int replicas = 8;
  int batch_per_replica = 32;
  double epochs = 1;
  std::uint64_t steps = 0;  ///< 0: as many as `epochs` says
  std::string precision = "fp32";
  std::string device = "auto";
  int threads = 1;
  int decode_threads = 1;
  std::uint64_t seed = 1;
  std::string augment;  ///< empty: by model and data (see default_augmentation)
  bool shuffle = true;
  int image_size = 0;                  ///< 0: by model and data
  std::vector<float> mean, deviation;  ///< by channel; empty: by number of channels

  ScheduleOptions schedule;  ///< steps_per_epoch and total_steps are filled in by the trainer
  SgdOptions sgd;

  std::string init;
  std::string out;
  std::string checkpoint_dir;
  std::uint64_t checkpoint_every = 0;  ///< steps; 0: at the end of each epoch
  int keep_checkpoints = 2;
  std::string resume = "auto";
  std::string scale;  ///< label of the run's scale, for the result file
  ReductionMode reduce = ReductionMode::kExact;
  double bucket_mib = 4;
  bool eval_only = false;
  double validate_every = 1;      ///< epochs
  double log_every = 10;          ///< seconds
  std::string progress = "auto";  ///< "live" (one line, rewritten), "plain", or "auto"
  int timeout_seconds = 600;
};

/// What to do instead of training: print this text and exit with success.
struct InformationRequest {
  std::string text;
};

struct ParsedOptions {
  Options options;
  std::optional<InformationRequest> information;  ///< --help or --version
};

/// Reads the command line, then the `--config` file, then defaults. Throws cli::UsageError naming
/// the option that is unknown, malformed, out of range or in contradiction.
ParsedOptions parse_options(const std::vector<std::string>& arguments);

}  // namespace resnext::worker
