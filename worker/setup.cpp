#include "worker/setup.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/program.h"
#include "data/augment/transform.h"
#include "data/class_names.h"
#include "data/sampler.h"
#include "data/shards.h"
#include "data/synthetic.h"
#include "worker/checkpoint.h"
#include "worker/input_defaults.h"
#include "worker/replica_sum.h"

namespace resnext::worker {
namespace {

constexpr std::size_t kSyntheticTraining = 4096, kSyntheticValidation = 1024;

std::unique_ptr<data::ImageSource> open_synthetic(const Options& options, const net::Spec& spec,
                                                  bool training) {
  data::SyntheticOptions synthetic;
  synthetic.size = training ? kSyntheticTraining : kSyntheticValidation;
  synthetic.seed = training ? 0 : 1;
  synthetic.height = synthetic.width =
      options.image_size > 0 ? options.image_size : net::usual_input_side(spec);
  return data::make_synthetic(synthetic);
}

void open_data(Setup& setup, const net::Spec& spec) {
  const Options& options = setup.options;
  if (options.data.empty() && !options.eval_only) {
    setup.training = open_synthetic(options, spec, true);
    setup.validation = open_synthetic(options, spec, false);
    return;
  }
  if (!options.eval_only) setup.training = data::open_shards(options.data);
  if (!options.val_data.empty()) setup.validation = data::open_shards(options.val_data);
}

void require_same_channels(const data::DatasetInfo& training, const data::DatasetInfo& validation) {
  if (training.channels == validation.channels) return;
  throw std::runtime_error(fmt::format("--val-data {} has {} channels, --data {} has {}",
                                       validation.name, validation.channels, training.name,
                                       training.channels));
}

/// `origin`: where the network's classes are from.
ClassMapping require_mapping(const std::vector<std::string>& network, const std::string& origin,
                             const data::DatasetInfo& validation) {
  if (auto mapping = map_classes(network, validation.class_names)) return *std::move(mapping);
  const std::string where =
      fmt::format("--val-data {} has other classes than {}", validation.name, origin);
  const std::vector<std::string>& names = validation.class_names;
  if (network.size() < names.size()) {
    throw std::runtime_error(
        fmt::format("{}: {} against {}; pack it with the training set's class list", where,
                    names.size(), network.size()));
  }
  if (network.size() > names.size()) {
    const auto alien = std::ranges::find_if(
        names, [&](const auto& name) { return std::ranges::count(network, name) == 0; });
    throw std::runtime_error(fmt::format("{}: {} against {}, and '{}' is not among these", where,
                                         names.size(), network.size(), *alien));
  }
  std::size_t c = 0;
  while (network[c] == names[c]) ++c;
  throw std::runtime_error(
      fmt::format("{}: class {} is '{}' against '{}'", where, c, names[c], network[c]));
}

/// The file that --eval-only takes its weights from; of a folder's checkpoints any, for they are of
/// one run.
std::string evaluated_weights(const Options& options) {
  if (options.resume != "never" && options.resume != "auto") return options.resume;
  if (options.resume == "auto" && !options.checkpoint_dir.empty()) {
    const std::vector<CheckpointFile> files = list_checkpoints(options.checkpoint_dir);
    if (!files.empty()) return files.front().path;
  }
  return options.init;
}

/// The number of classes of the network, and where the validation set's are among them.
int match_classes(Setup& setup) {
  const Options& o = setup.options;
  if (setup.training) {
    const data::DatasetInfo& training = setup.training->info();
    if (!setup.validation) return training.classes();
    require_same_channels(training, setup.validation->info());
    setup.validation_classes =
        require_mapping(training.class_names, "--data " + training.name, setup.validation->info());
    return training.classes();
  }
  const data::DatasetInfo& validation = setup.validation->info();
  const std::string weights = evaluated_weights(o);
  const std::vector<std::string> names = o.class_names.empty()
                                             ? stored_class_names(weights)
                                             : data::read_class_names_file(o.class_names);
  if (names.empty()) {  // then the tensors' shapes will tell whether they fit
    setup.validation_classes = same_classes(validation.classes());
    return validation.classes();
  }
  setup.validation_classes = require_mapping(
      names, o.class_names.empty() ? "the weights " + weights : "--class-names " + o.class_names,
      validation);
  return static_cast<int>(names.size());
}

/// The sizes of encoded images are met one by one; those of raw ones are known now.
void require_fitting_augmentation(const Options& options, const data::DatasetInfo& info) {
  try {
    data::check_channels(options.augment, info.channels);
  } catch (const std::invalid_argument& error) {
    throw cli::UsageError(fmt::format("--augment: {}: {}", info.name, error.what()));
  }
  const bool same_size_only = options.augment == "cifar" || options.augment == "flip";
  if (!same_size_only || info.encoding != data::Encoding::kRaw || info.height == 0) return;
  if (info.height == options.image_size && info.width == options.image_size) return;
  throw cli::UsageError(fmt::format(
      "--augment: {} takes images of the network's own size, {}; those of {} have {}x{}",
      options.augment, options.image_size, info.name, info.height, info.width));
}

std::string default_augmentation(const net::Spec& spec, bool synthetic) {
  if (synthetic) return "none";
  return spec.stem == net::Stem::kImageNet ? "imagenet" : "cifar";
}

void fill_normalisation(Options& options, const net::Spec& spec, const data::DatasetInfo& info) {
  if (options.mean.empty()) {
    data::ChannelStatistics usual = default_normalisation(spec, info);
    options.mean = std::move(usual.mean);
    options.deviation = std::move(usual.deviation);
  }
  if (options.mean.size() == 1) {
    options.mean.resize(info.channels, options.mean.front());
    options.deviation.resize(info.channels, options.deviation.front());
  }
  if (static_cast<int>(options.mean.size()) != info.channels) {
    throw cli::UsageError(fmt::format("--mean: {} values for the {} channels of {}",
                                      options.mean.size(), info.channels, info.name));
  }
}

net::GraphOptions graph_options(const Options& options) {
  net::GraphOptions graph;
  if (options.block_form == "a") graph.form = net::BlockForm::kSeparatePaths;
  if (options.block_form == "b") graph.form = net::BlockForm::kEarlyConcatenation;
  graph.zero_last_gamma = options.zero_init_last_gamma;
  graph.label_smoothing = static_cast<float>(options.label_smoothing);
  return graph;
}

void plan_steps(Setup& setup) {
  Options& o = setup.options;
  if (!setup.training) return;
  if (o.validate_every == 0) setup.validation.reset();
  data::Sampler::Options sampling;
  sampling.dataset_size = setup.training->info().size;
  sampling.replicas = o.micro_batches();
  sampling.batch_per_replica = o.batch_per_replica;
  const std::uint64_t one_pass = data::Sampler(sampling).steps_per_epoch();
  setup.steps_per_epoch = o.epoch_steps > 0 ? o.epoch_steps : one_pass;
  const auto to_steps = [&](double epochs) {
    return static_cast<std::uint64_t>(std::ceil(epochs * double(setup.steps_per_epoch) - 1e-9));
  };
  setup.total_steps = o.steps > 0 ? o.steps : to_steps(o.epochs);
  setup.validation_steps = std::max<std::uint64_t>(1, to_steps(o.validate_every));
  o.schedule.steps_per_epoch = setup.steps_per_epoch;
  o.schedule.total_steps = setup.total_steps;
  if (o.checkpoint_every == 0) o.checkpoint_every = setup.steps_per_epoch;
}

/// The options that are off by default, where they are on: without them, an experiment is described
/// as it was before they existed, and older checkpoints of it resume.
void add_what_is_on(const Options& o, nlohmann::json& json) {
  if (o.epoch_steps > 0) json["epoch-steps"] = o.epoch_steps;
  if (o.accumulate > 1) json["accumulate"] = o.accumulate;
  if (o.clip_gradient_norm > 0) json["clip-gradient-norm"] = o.clip_gradient_norm;
  if (o.ema_decay > 0) json["ema-decay"] = o.ema_decay;
  if (o.label_smoothing > 0) json["label-smoothing"] = o.label_smoothing;
  if (o.zero_init_last_gamma) json["zero-init-last-gamma"] = "on";
  if (o.block_form != "c") json["block-form"] = o.block_form;
  if (!o.init_skip.empty()) json["init-skip"] = fmt::format("{}", fmt::join(o.init_skip, ","));
}

/// An evaluation's batches are shared out one by one, among any number of ranks.
void require_shareable(const Options& options, int ranks) {
  if (options.eval_only) return;
  if (options.reduce == ReductionMode::kExact) {
    const std::string reason = why_not_exact(options.replicas, ranks, options.accumulate);
    if (!reason.empty()) throw cli::UsageError("--replicas: " + reason);
  } else if (options.replicas % ranks != 0) {
    throw cli::UsageError(fmt::format("--replicas: {} ranks cannot share {} replicas evenly", ranks,
                                      options.replicas));
  }
}

}  // namespace

Setup prepare(Options options, int ranks) {
  require_shareable(options, ranks);
  net::Spec spec;
  try {
    spec = net::parse_spec(options.model);
  } catch (const std::invalid_argument& error) {
    throw cli::UsageError(fmt::format("--model: {}", error.what()));
  }

  Setup setup;
  setup.options = std::move(options);
  open_data(setup, spec);
  const int classes = match_classes(setup);
  Options& o = setup.options;
  const data::DatasetInfo& info = setup.dataset();
  if (o.image_size == 0) o.image_size = default_image_size(spec, info);
  if (o.augment.empty()) o.augment = default_augmentation(spec, o.data.empty());
  if (setup.training) require_fitting_augmentation(o, info);
  fill_normalisation(o, spec, info);
  setup.normalisation = {o.mean, o.deviation};
  setup.graph = testing_graph(net::build_graph(spec, {info.channels, o.image_size, o.image_size},
                                               classes, graph_options(o)),
                              o.protocol.views);
  fill_in(o.protocol, o.image_size);
  plan_steps(setup);
  return setup;
}

nlohmann::json describe_experiment(const Setup& setup) {
  const Options& o = setup.options;
  nlohmann::json json = {
      {"model", o.model},
      {"data", setup.training ? setup.training->info().identity : ""},
      {"classes", setup.graph.classes},
      {"image-size", o.image_size},
      {"replicas", o.replicas},
      {"batch-per-replica", o.batch_per_replica},
      {"precision", o.precision},
      {"threads", o.threads},
      {"seed", o.seed},
      {"augment", o.augment},
      {"shuffle", o.shuffle ? "on" : "off"},
      {"mean", o.mean},
      {"deviation", o.deviation},
      {"schedule", o.schedule.name},
      {"learning-rate", o.schedule.learning_rate},
      {"warmup-epochs", o.schedule.warmup_epochs},
      {"momentum", o.sgd.momentum},
      {"nesterov", o.sgd.nesterov ? "on" : "off"},
      {"weight-decay", o.sgd.weight_decay},
      {"init", o.init},
      {"reduce", o.reduce == ReductionMode::kExact ? "exact" : "fast"},
  };
  if (o.schedule.name == "step") {
    json["milestones"] = o.schedule.milestones;
    json["decay"] = o.schedule.decay;
  }
  if (depends_on_length(o.schedule.name)) json["steps"] = setup.total_steps;
  add_what_is_on(o, json);
  return json;
}

std::string experiment_difference(const nlohmann::json& mine, const nlohmann::json& other) {
  for (const auto& [key, value] : mine.items()) {
    if (other.contains(key) && other.at(key) != value) {
      return fmt::format("it was made with {} {}, this run has {}", key, other.at(key).dump(),
                         value.dump());
    }
  }
  // What only some schedules have comes last, for then the schedules differ, and that says more.
  for (const auto& [key, value] : mine.items()) {
    if (!other.contains(key)) {
      return fmt::format("it was made without {}, this run has {}", key, value.dump());
    }
  }
  for (const auto& [key, value] : other.items()) {
    if (!mine.contains(key)) {
      return fmt::format("it was made with {} {}, this run is without", key, value.dump());
    }
  }
  return {};
}

}  // namespace resnext::worker
