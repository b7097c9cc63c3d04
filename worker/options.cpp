#include "worker/options.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <sstream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/comma_list.h"
#include "cli/nearest_name.h"
#include "cli/program.h"
#include "cli/revision.h"
#include "data/augment/transform.h"
#include "net/spec.h"
#include "worker/recipes/recipes.h"

namespace resnext::worker {
namespace po = boost::program_options;

namespace {

constexpr const char* kUsage =
    "Usage: mpirun -np RANKS resnext-worker [options]\n"
    "\n"
    "Trains a ResNeXt on RANKS ranks. The run is defined by its --replicas, each with its own "
    "batch-\n"
    "norm statistics; any number of ranks that divides them gives the same weights, bit for bit.\n"
    "With no --data it trains on the built-in synthetic set.\n"
    "\n"
    "Example:\n"
    "  mpirun -np 2 resnext-worker --model resnext29_8x64d_cifar --data shards/train \\\n"
    "      --val-data shards/test --replicas 8 --batch-per-replica 16 --epochs 300 \\\n"
    "      --out run.h5 --checkpoint-dir checkpoints\n";

/// Where the XDG base directory specification puts what can be made again; "none" without a home.
std::string default_plan_cache() {
  const auto variable = [](const char* name) -> std::string {
    const char* const value = std::getenv(name);
    return value == nullptr ? "" : value;
  };
  const std::string cache = variable("XDG_CACHE_HOME"), home = variable("HOME");
  if (cache.starts_with('/')) return cache + "/resnext/plans";  // relative ones are to be ignored
  return home.empty() ? "none" : home + "/.cache/resnext/plans";
}

/// Numbers and names as text, converted below so that every error names its option.
struct RawOptions {
  std::string cuda_graphs = "on", plan_cache = default_plan_cache();
  std::string shuffle = "on", reduce = "exact", milestones = "30,60,90", mean, deviation, config;
  TestOptions test;
  std::string nesterov = "on", zero_init_last_gamma = "off", init_skip, print_recipe;
  // Signed, for Boost takes "-1" for the largest unsigned number.
  std::int64_t steps = 0, checkpoint_every = 0, seed = 1, epoch_steps = 0;
};

void add_data_options(po::options_description& all, Options& o, RawOptions& raw) {
  po::options_description group("Data");
  group.add_options()("data", po::value(&o.data), "training shards (folder, or FOLDER/NAME)")(
      "val-data", po::value(&o.val_data), "validation shards")(
      "augment", po::value(&o.augment),
      fmt::format("one of {}; default: by the model's stem",
                  fmt::join(data::augmentation_names(), ", "))
          .c_str())("shuffle", po::value(&raw.shuffle)->default_value(raw.shuffle), "on or off")(
      "image-size", po::value(&o.image_size),
      "network input's height and width; default: 224, or the stored size of raw images")(
      "mean", po::value(&raw.mean), "channel means, full intensity being 1, as R,G,B or one value")(
      "deviation", po::value(&raw.deviation), "channel standard deviations, likewise")(
      "decode-threads", po::value(&o.decode_threads)->default_value(o.decode_threads),
      "threads a rank that decode and augment");
  all.add(group);
}

void add_model_options(po::options_description& all, Options& o, RawOptions& raw) {
  po::options_description group("Model and parallelism");
  group.add_options()("model", po::value(&o.model),
                      "e.g. resnext50_32x4d; resnext-info --list shows the names")(
      "replicas", po::value(&o.replicas)->default_value(o.replicas),
      "logical replicas, shared out over the ranks")(
      "batch-per-replica", po::value(&o.batch_per_replica)->default_value(o.batch_per_replica),
      "images of one replica in a step")("threads", po::value(&o.threads)->default_value(o.threads),
                                         "compute threads a rank")(
      "seed", po::value(&raw.seed)->default_value(raw.seed), "of weights, order and augmentation");
  all.add(group);
}

void add_device_options(po::options_description& all, Options& o, RawOptions& raw) {
  po::options_description group("Device");
  group.add_options()("device", po::value(&o.device)->default_value(o.device),
                      "cpu, cuda (a GPU for each rank), or auto: GPUs where all ranks have one")(
      "precision", po::value(&o.precision)->default_value(o.precision),
      "of activations and products: fp32 or bf16; on GPUs tf32, too (weights stay fp32)")(
      "nondeterministic", po::bool_switch(&o.nondeterministic),
      "also algorithms that may give other bits every time; with --reduce fast, on GPUs")(
      "cuda-graphs", po::value(&raw.cuda_graphs)->default_value(raw.cuda_graphs),
      "on: replay a GPU's training pass as one launch; or off")(
      "plan-cache", po::value(&raw.plan_cache)->default_value(raw.plan_cache),
      "folder for what was compiled for GPUs, which later starts save; or none");
  all.add(group);
}

void add_evaluation_options(po::options_description& all, Options& o, RawOptions& raw) {
  po::options_description group("Evaluation");
  add_test_options(group, raw.test);
  group.add_options()("class-names", po::value(&o.class_names),
                      "file of the class names, one a line, of weights that do not hold them; with "
                      "--eval-only");
  all.add(group);
}

void add_recipe_options(po::options_description& all, Options& o, RawOptions& raw) {
  ScheduleOptions& schedule = o.schedule;
  po::options_description group("Recipe");
  group.add_options()("recipe", po::value(&o.recipe),
                      "a preset (listed below) for the options given neither here nor in --config")(
      "print-recipe", po::value(&raw.print_recipe), "print that preset, an INI file")(
      "epochs", po::value(&o.epochs)->default_value(o.epochs), "length of the run")(
      "steps", po::value(&raw.steps), "length of the run in steps, instead of --epochs")(
      "epoch-steps", po::value(&raw.epoch_steps)->default_value(0),
      "steps that count as an epoch; 0: one pass over the training set")(
      "learning-rate", po::value(&schedule.learning_rate)->default_value(schedule.learning_rate),
      "before the first drop, or the highest")(
      "schedule", po::value(&schedule.name)->default_value(schedule.name),
      fmt::format("one of {}", fmt::join(schedule_names(), ", ")).c_str())(
      "milestones", po::value(&raw.milestones)->default_value(raw.milestones),
      "epochs after which the step schedule drops")(
      "decay", po::value(&schedule.decay)->default_value(schedule.decay), "factor of each drop")(
      "momentum", po::value(&o.sgd.momentum)->default_value(o.sgd.momentum), "of the updates")(
      "nesterov", po::value(&raw.nesterov)->default_value(raw.nesterov), "on or off")(
      "weight-decay", po::value(&o.sgd.weight_decay)->default_value(o.sgd.weight_decay),
      "on every parameter");
  all.add(group);
}

void add_later_options(po::options_description& all, Options& o, RawOptions& raw) {
  po::options_description group("What later recipes add (all off by default)");
  group.add_options()(
      "warmup-epochs", po::value(&o.schedule.warmup_epochs)->default_value(0),
      "epochs in which the learning rate rises step by step, in a line from almost 0 (Goyal et al. "
      "2017)")("label-smoothing", po::value(&o.label_smoothing)->default_value(0),
               "share of each target that is spread evenly over all classes (Szegedy et al. 2016)")(
      "zero-init-last-gamma",
      po::value(&raw.zero_init_last_gamma)->default_value(raw.zero_init_last_gamma),
      "on: each block's last batch norm starts at gamma 0 (Goyal et al. 2017)")(
      "ema-decay", po::value(&o.ema_decay)->default_value(0),
      "keep the weights' and statistics' moving average, with this decay a step, and evaluate it")(
      "accumulate", po::value(&o.accumulate)->default_value(o.accumulate),
      "batches that each replica computes, one after the other, before the update")(
      "clip-gradient-norm", po::value(&o.clip_gradient_norm)->default_value(0),
      "largest L2 norm of the whole gradient (before weight decay); 0: any")(
      "block-form", po::value(&o.block_form)->default_value(o.block_form),
      "the form of Figure 3 to compute blocks in: a (separate paths), b (early concatenation) or c "
      "(grouped convolution), which is the fast one");
  all.add(group);
}

void add_file_options(po::options_description& all, Options& o, RawOptions& raw) {
  po::options_description group("Files");
  group.add_options()("out", po::value(&o.out), "result file (HDF5)")(
      "checkpoint-dir", po::value(&o.checkpoint_dir), "folder of checkpoints")(
      "checkpoint-every", po::value(&raw.checkpoint_every),
      "steps between checkpoints; default: an epoch")(
      "keep-checkpoints", po::value(&o.keep_checkpoints)->default_value(o.keep_checkpoints),
      "how many to keep")("resume", po::value(&o.resume)->default_value(o.resume),
                          "auto (newest good checkpoint), never, or FILE")(
      "init", po::value(&o.init),
      "checkpoint or safetensors file to take weights and statistics from")(
      "init-skip", po::value(&raw.init_skip),
      "PREFIX[,PREFIX]: tensors that are not taken from --init, e.g. fc.")(
      "eval-only", po::bool_switch(&o.eval_only),
      "evaluate --init or the checkpoint on --val-data")(
      "validate-every", po::value(&o.validate_every)->default_value(o.validate_every),
      "epochs between evaluations; there is one at the end, too; 0: none at all")(
      "scale", po::value(&o.scale), "label of the run's scale, kept in the result file")(
      "config", po::value(&raw.config), "INI file of options; the command line goes before it");
  all.add(group);
}

void add_system_options(po::options_description& all, Options& o, RawOptions& raw) {
  po::options_description group("Reduction and reports");
  group.add_options()("reduce", po::value(&raw.reduce)->default_value(raw.reduce),
                      "exact (independent of the ranks) or fast (MPI's order)")(
      "bucket-mib", po::value(&o.bucket_mib)->default_value(o.bucket_mib),
      "size of a gradient bucket; 0: by the number of ranks")(
      "timeout", po::value(&o.timeout_seconds)->default_value(o.timeout_seconds),
      "seconds to wait for a stuck rank")("log-every",
                                          po::value(&o.log_every)->default_value(o.log_every),
                                          "seconds between progress lines")(
      "progress", po::value(&o.progress)->default_value(o.progress),
      "live (one line, rewritten), plain, or auto: live in a terminal without mpirun")(
      "help", "this text")("version", "the version");
  all.add(group);
}

[[noreturn]] void refuse(const std::string& option, const std::string& reason) {
  throw cli::UsageError(fmt::format("--{}: {}", option, reason));
}

void require(bool valid, const std::string& option, const std::string& reason) {
  if (!valid) refuse(option, reason);
}

void require_name(const std::string& option, const std::string& value,
                  const std::vector<std::string>& names) {
  if (std::find(names.begin(), names.end(), value) != names.end()) return;
  refuse(option, fmt::format("unknown value '{}'{} (one of: {})", value,
                             cli::did_you_mean(value, names), fmt::join(names, ", ")));
}

bool parse_switch(const std::string& option, const std::string& value) {
  require_name(option, value, {"on", "off"});
  return value == "on";
}

template <typename T>
std::vector<T> parse_list(const std::string& option, const std::string& text) {
  const std::vector<double> numbers = cli::parse_numbers(option, text);
  return {numbers.begin(), numbers.end()};
}

void convert(const RawOptions& raw, Options& o) {
  require(raw.steps >= 0, "steps", "must be positive");
  require(raw.checkpoint_every >= 0, "checkpoint-every", "must be positive");
  require(raw.seed >= 0, "seed", "must not be negative");
  require(raw.epoch_steps >= 0, "epoch-steps", "must not be negative");
  o.steps = static_cast<std::uint64_t>(raw.steps);
  o.checkpoint_every = static_cast<std::uint64_t>(raw.checkpoint_every);
  o.seed = static_cast<std::uint64_t>(raw.seed);
  o.epoch_steps = static_cast<std::uint64_t>(raw.epoch_steps);
  o.shuffle = parse_switch("shuffle", raw.shuffle);
  o.cuda_graphs = parse_switch("cuda-graphs", raw.cuda_graphs);
  require(!raw.plan_cache.empty(), "plan-cache", "needs a folder, or none");
  if (raw.plan_cache != "none") o.plan_cache = raw.plan_cache;
  o.sgd.nesterov = parse_switch("nesterov", raw.nesterov);
  o.zero_init_last_gamma = parse_switch("zero-init-last-gamma", raw.zero_init_last_gamma);
  o.init_skip = cli::split_at_commas(raw.init_skip);
  require_name("reduce", raw.reduce, {"exact", "fast"});
  o.reduce = raw.reduce == "exact" ? ReductionMode::kExact : ReductionMode::kFast;
  o.schedule.milestones = parse_list<double>("milestones", raw.milestones);
  o.mean = parse_list<float>("mean", raw.mean);
  o.deviation = parse_list<float>("deviation", raw.deviation);
  o.protocol = parse_test_protocol(raw.test);
}

void check_ranges(const Options& o) {
  require(o.replicas >= 1 && o.replicas <= 65536, "replicas", "must be between 1 and 65536");
  require(o.batch_per_replica >= 1 && o.batch_per_replica <= 65536, "batch-per-replica",
          "must be between 1 and 65536");
  require(o.threads >= 1 && o.threads <= 1024, "threads", "must be between 1 and 1024");
  require(o.decode_threads >= 0 && o.decode_threads <= 1024, "decode-threads",
          "must be between 0 and 1024");
  require(o.epochs > 0 && o.epochs <= 1e6, "epochs", "must be above 0 and at most 1000000");
  require(o.image_size >= 0 && o.image_size <= 4096, "image-size", "must be between 1 and 4096");
  require(o.schedule.learning_rate >= 0, "learning-rate", "must not be negative");
  require(o.schedule.decay > 0, "decay", "must be positive");
  require(o.schedule.warmup_epochs >= 0, "warmup-epochs", "must not be negative");
  require(o.sgd.momentum >= 0 && o.sgd.momentum < 1, "momentum", "must be at least 0 and below 1");
  require(o.sgd.weight_decay >= 0, "weight-decay", "must not be negative");
  require(o.label_smoothing >= 0 && o.label_smoothing < 1, "label-smoothing",
          "must be at least 0 and below 1");
  require(o.ema_decay >= 0 && o.ema_decay < 1, "ema-decay", "must be at least 0 and below 1");
  require(o.accumulate >= 1 && std::int64_t(o.accumulate) * o.replicas <= 65536, "accumulate",
          "must be at least 1, and at most 65536 batches of all replicas together");
  require(o.clip_gradient_norm >= 0 && std::isfinite(o.clip_gradient_norm), "clip-gradient-norm",
          "must be a number, and not negative");
  require(o.keep_checkpoints >= 1, "keep-checkpoints", "must be at least 1");
  require(o.validate_every >= 0, "validate-every", "must not be negative");
  require(o.bucket_mib >= 0 && o.bucket_mib <= 1024, "bucket-mib",
          "must be at least 0 and at most 1024");
  require(o.timeout_seconds >= 1, "timeout", "must be at least 1");
  require(o.log_every >= 0, "log-every", "must not be negative");
  for (const float deviation : o.deviation) {
    require(deviation > 0, "deviation", "must be positive");
  }
  for (const std::string& prefix : o.init_skip) {
    require(!prefix.empty(), "init-skip", "an empty prefix would skip every tensor");
  }
}

void check_names(const Options& o) {
  require_name("schedule", o.schedule.name, schedule_names());
  if (!o.augment.empty()) require_name("augment", o.augment, data::augmentation_names());
  require_name("precision", o.precision, {"fp32", "tf32", "bf16"});
  require_name("block-form", o.block_form, {"a", "b", "c"});
  require_name("progress", o.progress, {"auto", "live", "plain"});
  require_name("device", o.device, {"auto", "cpu", "cuda"});
  require(o.device != "cpu" || o.precision != "tf32", "precision",
          "tf32 needs a GPU (--device cuda); CPUs have fp32 and bf16");
}

void check_contradictions(const Options& o, const po::variables_map& given) {
  const auto has = [&](const char* name) {
    return given.count(name) > 0 && !given[name].defaulted();
  };
  require(!(has("steps") && has("epochs")), "steps", "contradicts --epochs; give one of them");
  require(!has("steps") || o.steps > 0, "steps", "must be positive");
  require(!has("checkpoint-every") || !o.checkpoint_dir.empty(), "checkpoint-every",
          "needs --checkpoint-dir");
  require(!has("checkpoint-every") || o.checkpoint_every > 0, "checkpoint-every",
          "must be positive");
  require(o.schedule.name != "one-cycle" || o.schedule.warmup_epochs == 0, "warmup-epochs",
          "contradicts --schedule one-cycle, which has a rise of its own");
  require(
      !o.nondeterministic || o.reduce == ReductionMode::kFast, "nondeterministic",
      "needs --reduce fast: the exact reduction, the default, promises the same bits every time");
  require(o.init_skip.empty() || !o.init.empty(), "init-skip", "needs --init");
  require(o.mean.empty() == o.deviation.empty(), "mean", "goes with --deviation");
  require(o.mean.size() == o.deviation.size(), "mean",
          "has another number of values than --deviation");
  if (o.eval_only) {
    require(!o.val_data.empty(), "eval-only", "needs --val-data");
    require(
        !o.init.empty() || !o.checkpoint_dir.empty() || (o.resume != "auto" && o.resume != "never"),
        "eval-only", "needs weights: --init FILE, --resume FILE or --checkpoint-dir");
  }
  require(o.eval_only || o.class_names.empty(), "class-names",
          "goes with --eval-only: a network in training has its data's classes");
  require(o.eval_only || o.protocol.views != Views::kMultiScale, "protocol",
          "multi-scale goes with --eval-only (and resnext-predict), not with training");
  require(o.val_data.empty() || !o.data.empty() || o.eval_only, "val-data",
          "needs --data: the synthetic set has a validation set of its own");
}

/// Options that neither command line nor file have set. A run whose length is given in steps does
/// not take the recipe's in epochs.
void take_recipe(const std::string& name, const po::options_description& all,
                 po::variables_map& values) {
  const Recipe& recipe = find_recipe(name, "recipe");
  const bool in_steps = values.count("steps") > 0;
  const bool has_epochs = values.count("epochs") > 0 && !values["epochs"].defaulted();
  cli::parse_config(std::string(recipe.text), fmt::format("recipe {}", name), all, values);
  if (in_steps && !has_epochs) values.erase("epochs");
}

std::string help_text(const po::options_description& all) {
  std::ostringstream text;
  text << all << "\nRecipes:\n";
  for (const Recipe& recipe : recipes()) {
    text << fmt::format("  {:<19}{}\n", recipe.name, recipe_summary(recipe));
  }
  text << "\nModels (and others of these patterns; resnext-info has their costs):\n";
  for (const net::KnownModel& model : net::known_models()) {
    text << fmt::format("  {:<37}{}\n", model.name, model.place);
  }
  return text.str();
}

}  // namespace

net::Precision to_precision(const std::string& name) {
  if (name == "bf16") return net::Precision::kBf16;
  return name == "tf32" ? net::Precision::kTf32 : net::Precision::kFp32;
}

ParsedOptions parse_options(const std::vector<std::string>& arguments) {
  ParsedOptions parsed;
  Options& o = parsed.options;
  RawOptions raw;
  po::options_description all(kUsage);
  add_model_options(all, o, raw);
  add_device_options(all, o, raw);
  add_data_options(all, o, raw);
  add_recipe_options(all, o, raw);
  add_later_options(all, o, raw);
  add_evaluation_options(all, o, raw);
  add_file_options(all, o, raw);
  add_system_options(all, o, raw);

  po::variables_map values = cli::parse_command_line(arguments, all);
  if (values.count("help") > 0) {
    parsed.information = InformationRequest{help_text(all)};
    return parsed;
  }
  if (values.count("version") > 0) {
    parsed.information = InformationRequest{"resnext-worker " + cli::build() + "\n"};
    return parsed;
  }
  if (values.count("print-recipe") > 0) {
    const Recipe& recipe = find_recipe(values["print-recipe"].as<std::string>(), "print-recipe");
    parsed.information = InformationRequest{std::string(recipe.text)};
    return parsed;
  }
  if (values.count("config") > 0) {
    cli::parse_config_file(values["config"].as<std::string>(), all, values);
  }
  if (values.count("recipe") > 0) take_recipe(values["recipe"].as<std::string>(), all, values);
  po::notify(values);
  convert(raw, o);
  if (o.model.empty()) o.model = o.data.empty() ? "resnext11_4x4d_cifar_w16" : "resnext50_32x4d";
  check_ranges(o);
  check_names(o);
  check_contradictions(o, values);
  return parsed;
}

}  // namespace resnext::worker
