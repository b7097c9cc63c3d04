#pragma once
// The worker's command line: every option, its default and its validity.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "net/precision.h"
#include "worker/comm/gradient_reduction.h"
#include "worker/evaluation/test_protocol.h"
#include "worker/schedule.h"
#include "worker/sgd.h"

namespace resnext::worker {

struct Options {
  std::string model;
  std::string data, val_data;  ///< empty: the synthetic set, no validation
  int replicas = 8;
  int batch_per_replica = 32;
  double epochs = 1;
  std::uint64_t steps = 0;         ///< 0: as many as `epochs` says
  std::string precision = "fp32";  ///< or tf32, bf16; see net::Precision
  std::string device = "auto";     ///< or cpu, cuda
  bool nondeterministic = false;   ///< algorithms on GPUs that may give other bits every time
  bool cuda_graphs = true;         ///< see net::CudaEngineOptions
  std::string plan_cache;          ///< folder of compiled plans; empty: none is kept
  int threads = 1;
  int decode_threads = 1;
  std::uint64_t seed = 1;
  std::string augment;  ///< empty: by model and data (see default_augmentation)
  bool shuffle = true;
  int image_size = 0;                  ///< 0: by model and data
  std::vector<float> mean, deviation;  ///< by channel; empty: by number of channels

  std::string recipe;        ///< the preset that options not given were taken from; may be empty
  ScheduleOptions schedule;  ///< steps_per_epoch and total_steps are filled in by prepare()
  SgdOptions sgd;
  std::uint64_t epoch_steps = 0;  ///< steps of an epoch; 0: one pass over the training set
  int accumulate = 1;             ///< micro-batches that a replica computes in a step
  double clip_gradient_norm = 0;  ///< largest norm of the mean gradient; 0: any
  double ema_decay = 0;           ///< of the weights' moving average; 0: there is none
  double label_smoothing = 0;     ///< see net::GraphOptions
  bool zero_init_last_gamma = false;
  std::string block_form = "c";  ///< a, b or c, as in Figure 3

  TestProtocol protocol;    ///< of evaluations; completed by prepare()
  std::string class_names;  ///< file of those of the weights that are evaluated; may be empty

  std::string init;
  std::vector<std::string> init_skip;  ///< prefixes of tensors that are not taken from `init`
  std::string out;
  std::string checkpoint_dir;
  std::uint64_t checkpoint_every = 0;  ///< steps; 0: at the end of each epoch
  int keep_checkpoints = 2;
  std::string resume = "auto";
  std::string scale;  ///< label of the run's scale, for the result file
  ReductionMode reduce = ReductionMode::kExact;
  double bucket_mib = 0;  ///< 0: by the number of ranks
  bool eval_only = false;
  double validate_every = 1;      ///< epochs
  double log_every = 10;          ///< seconds
  std::string progress = "auto";  ///< "live" (one line, rewritten), "plain", or "auto"
  int timeout_seconds = 600;

  /// What all replicas together compute in a step.
  int micro_batches() const { return replicas * accumulate; }
};

/// Of a valid --precision.
net::Precision to_precision(const std::string& name);

/// What to do instead of training: print this text and exit with success.
struct InformationRequest {
  std::string text;
};

struct ParsedOptions {
  Options options;
  std::optional<InformationRequest> information;  ///< --help, --version or --print-recipe
};

/// Reads the command line, then the `--config` file, then the `--recipe`, then defaults: the first
/// that has an option decides, except that a recipe's epochs give way to --steps. Throws
/// cli::UsageError naming the option that is unknown, malformed, out of range or in contradiction.
ParsedOptions parse_options(const std::vector<std::string>& arguments);

}  // namespace resnext::worker
