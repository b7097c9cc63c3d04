#include "worker/options.h"

#include <cstdio>
#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/program.h"
#include "net/spec.h"
#include "tests/worker/small_training.h"

namespace resnext::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Options parse(const std::vector<std::string>& arguments) {
  return parse_options(arguments).options;
}

/// The message with which the arguments are refused.
std::string refusal(const std::vector<std::string>& arguments) {
  try {
    parse_options(arguments);
  } catch (const cli::UsageError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Options, DefaultsAreThePapersRecipe) {
  const Options o = parse({"--data", "shards"});
  EXPECT_EQ(o.model, "resnext50_32x4d");
  EXPECT_EQ(o.replicas * o.batch_per_replica, 256);
  EXPECT_EQ(o.schedule.name, "step");
  EXPECT_DOUBLE_EQ(o.schedule.learning_rate, 0.1);
  EXPECT_THAT(o.schedule.milestones, ElementsAre(30, 60, 90));
  EXPECT_FLOAT_EQ(o.sgd.momentum, 0.9F);
  EXPECT_FLOAT_EQ(o.sgd.weight_decay, 1e-4F);
  EXPECT_TRUE(o.sgd.nesterov);
  EXPECT_TRUE(o.shuffle);
  EXPECT_EQ(o.reduce, ReductionMode::kExact);
  EXPECT_EQ(o.resume, "auto");
}

TEST(Options, WithoutDataItIsASmallNet) {
  EXPECT_EQ(parse({}).model, "resnext11_4x4d_cifar_w16");
}

TEST(Options, ValuesAreRead) {
  const Options o = parse({"--steps", "20", "--seed", "0", "--milestones", "150,225", "--mean",
                           "0.5", "--deviation=0.25", "--shuffle", "off", "--nesterov", "off",
                           "--reduce", "fast", "--schedule", "one-cycle", "--bucket-mib", "0.5"});
  EXPECT_EQ(o.steps, 20U);
  EXPECT_EQ(o.seed, 0U);
  EXPECT_THAT(o.schedule.milestones, ElementsAre(150, 225));
  EXPECT_THAT(o.mean, ElementsAre(0.5F));
  EXPECT_THAT(o.deviation, ElementsAre(0.25F));
  EXPECT_FALSE(o.shuffle);
  EXPECT_FALSE(o.sgd.nesterov);
  EXPECT_EQ(o.reduce, ReductionMode::kFast);
  EXPECT_EQ(o.schedule.name, "one-cycle");
  EXPECT_DOUBLE_EQ(o.bucket_mib, 0.5);
}

TEST(Options, WhatLaterRecipesAddIsOffByDefault) {
  const Options off = parse({});
  EXPECT_EQ(off.epoch_steps, 0U);
  EXPECT_EQ(off.accumulate, 1);
  EXPECT_EQ(off.clip_gradient_norm, 0);
  EXPECT_EQ(off.ema_decay, 0);
  EXPECT_EQ(off.label_smoothing, 0);
  EXPECT_EQ(off.schedule.warmup_epochs, 0);
  EXPECT_FALSE(off.zero_init_last_gamma);
  EXPECT_EQ(off.block_form, "c");
  EXPECT_TRUE(off.init_skip.empty());
  const Options on =
      parse({"--epoch-steps", "5005", "--accumulate", "4", "--clip-gradient-norm", "0.5",
             "--ema-decay", "0.9999", "--label-smoothing", "0.1", "--zero-init-last-gamma", "on",
             "--block-form", "a", "--init", "w.h5", "--init-skip", "fc.,layer4"});
  EXPECT_EQ(on.epoch_steps, 5005U);
  EXPECT_EQ(on.micro_batches(), 32);
  EXPECT_EQ(on.clip_gradient_norm, 0.5);
  EXPECT_EQ(on.ema_decay, 0.9999);
  EXPECT_EQ(on.label_smoothing, 0.1);
  EXPECT_TRUE(on.zero_init_last_gamma);
  EXPECT_EQ(on.block_form, "a");
  EXPECT_THAT(on.init_skip, ElementsAre("fc.", "layer4"));
}

TEST(Options, UnknownOnesNameTheNearest) {
  EXPECT_EQ(refusal({"--replica", "4"}), "unknown option '--replica'; did you mean '--replicas'?");
  EXPECT_EQ(refusal({"--learning_rate=1"}),
            "unknown option '--learning_rate'; did you mean '--learning-rate'?");
  EXPECT_THAT(refusal({"shards"}), HasSubstr("unexpected argument"));
}

TEST(Options, UnknownValuesNameTheNearest) {
  EXPECT_THAT(refusal({"--schedule", "onecycle"}), HasSubstr("did you mean 'one-cycle'?"));
  EXPECT_THAT(refusal({"--augment", "cifra"}), HasSubstr("did you mean 'cifar'?"));
  EXPECT_THAT(refusal({"--reduce", "exakt"}), HasSubstr("did you mean 'exact'?"));
  EXPECT_THAT(refusal({"--shuffle", "yes"}), HasSubstr("one of: on, off"));
}

struct BadValue {
  std::string option, value;
};
void PrintTo(const BadValue& bad, std::ostream* out) {
  *out << bad.option << " " << bad.value;
}

class BadValues : public ::testing::TestWithParam<BadValue> {};

TEST_P(BadValues, AreRefusedByName) {
  const auto& [option, value] = GetParam();
  EXPECT_THAT(refusal({"--checkpoint-dir", "c", "--" + option, value}), HasSubstr("--" + option));
}

INSTANTIATE_TEST_SUITE_P(
    Options, BadValues,
    ::testing::Values(
        BadValue{"replicas", "0"}, BadValue{"batch-per-replica", "-1"}, BadValue{"threads", "0"},
        BadValue{"decode-threads", "-1"}, BadValue{"epochs", "0"}, BadValue{"epochs", "-1"},
        BadValue{"epochs", "nan"}, BadValue{"epochs", "inf"}, BadValue{"steps", "0"},
        BadValue{"steps", "-5"}, BadValue{"steps", "1.5"},
        BadValue{"steps", "99999999999999999999"}, BadValue{"checkpoint-every", "-1"},
        BadValue{"checkpoint-every", "0"}, BadValue{"seed", "-1"}, BadValue{"image-size", "-3"},
        BadValue{"learning-rate", "-0.1"}, BadValue{"learning-rate", "nan"},
        BadValue{"learning-rate", "fast"}, BadValue{"decay", "0"}, BadValue{"warmup-epochs", "-1"},
        BadValue{"momentum", "1"}, BadValue{"weight-decay", "-1"},
        BadValue{"keep-checkpoints", "0"}, BadValue{"bucket-mib", "-1"}, BadValue{"timeout", "0"},
        BadValue{"log-every", "-1"}, BadValue{"validate-every", "-1"},
        BadValue{"milestones", "30,x"}, BadValue{"precision", "fp16"}, BadValue{"device", "gpu"},
        BadValue{"cuda-graphs", "yes"}, BadValue{"plan-cache", ""}, BadValue{"epoch-steps", "-1"},
        BadValue{"epoch-steps", "1.5"}, BadValue{"accumulate", "0"}, BadValue{"accumulate", "-2"},
        BadValue{"accumulate", "9000"}, BadValue{"accumulate", "2000000000"},
        BadValue{"clip-gradient-norm", "-1"}, BadValue{"clip-gradient-norm", "nan"},
        BadValue{"clip-gradient-norm", "inf"}, BadValue{"ema-decay", "1"},
        BadValue{"ema-decay", "-0.5"}, BadValue{"ema-decay", "nan"},
        BadValue{"label-smoothing", "1"}, BadValue{"label-smoothing", "-0.1"},
        BadValue{"zero-init-last-gamma", "yes"}, BadValue{"block-form", "d"},
        BadValue{"init-skip", "fc."}, BadValue{"recipe", "paper"},
        BadValue{"print-recipe", "paper"}, BadValue{"progress", "loud"}));

TEST(Options, ContradictionsNameBoth) {
  EXPECT_THAT(refusal({"--steps", "5", "--epochs", "1"}),
              HasSubstr("--steps: contradicts --epochs"));
  EXPECT_THAT(refusal({"--checkpoint-every", "5"}), HasSubstr("needs --checkpoint-dir"));
  EXPECT_THAT(refusal({"--mean", "0.5"}), HasSubstr("--deviation"));
  EXPECT_THAT(refusal({"--mean", "0.5,0.5,0.5", "--deviation", "1"}), HasSubstr("--deviation"));
  EXPECT_THAT(refusal({"--schedule", "one-cycle", "--warmup-epochs", "1"}),
              HasSubstr("--warmup-epochs: contradicts --schedule one-cycle"));
  EXPECT_THAT(refusal({"--init", "w.h5", "--init-skip", ",fc."}), HasSubstr("empty prefix"));
  EXPECT_THAT(refusal({"--val-data", "v"}), HasSubstr("needs --data"));
  EXPECT_THAT(refusal({"--eval-only"}), HasSubstr("needs --val-data"));
  EXPECT_THAT(refusal({"--eval-only", "--val-data", "v"}), HasSubstr("needs weights"));
  EXPECT_EQ(refusal({"--eval-only", "--val-data", "v", "--init", "w.h5"}), "accepted");
  EXPECT_EQ(refusal({"--mean", "0.5", "--deviation", "0"}), "--deviation: must be positive");
}

TEST(Options, WhatOnlyGpusCanDo) {
  const Options defaults = parse({});
  EXPECT_EQ(defaults.device, "auto");
  EXPECT_TRUE(defaults.cuda_graphs);
  EXPECT_FALSE(defaults.nondeterministic);
  const Options o = parse({"--device", "cuda", "--precision", "bf16", "--cuda-graphs", "off",
                           "--reduce", "fast", "--nondeterministic"});
  EXPECT_EQ(o.precision, "bf16");
  EXPECT_FALSE(o.cuda_graphs);
  EXPECT_TRUE(o.nondeterministic);
  EXPECT_EQ(refusal({"--precision", "tf32"}), "accepted");  // until it is known what auto finds
  EXPECT_EQ(refusal({"--device", "cpu", "--precision", "bf16"}), "accepted");
  EXPECT_EQ(refusal({"--device", "cpu", "--precision", "tf32"}),
            "--precision: tf32 needs a GPU (--device cuda); CPUs have fp32 and bf16");
  EXPECT_THAT(refusal({"--nondeterministic"}),
              HasSubstr("--nondeterministic: needs --reduce fast: the exact reduction"));
}

TEST(Options, ThePlanCacheIsWhereCachesAre) {
  const auto cache_with = [](const char* xdg, const char* home) {
    xdg == nullptr ? unsetenv("XDG_CACHE_HOME") : setenv("XDG_CACHE_HOME", xdg, 1);
    home == nullptr ? unsetenv("HOME") : setenv("HOME", home, 1);
    return parse({}).plan_cache;
  };
  EXPECT_EQ(cache_with("/cache", "/home/me"), "/cache/resnext/plans");
  EXPECT_EQ(cache_with(nullptr, "/home/me"), "/home/me/.cache/resnext/plans");
  EXPECT_EQ(cache_with("relative", "/home/me"), "/home/me/.cache/resnext/plans");
  EXPECT_EQ(cache_with(nullptr, nullptr), "");
  EXPECT_EQ(parse({"--plan-cache", "plans"}).plan_cache, "plans");
  EXPECT_EQ(parse({"--plan-cache", "none"}).plan_cache, "");
}

TEST(Options, TheCommandLineGoesBeforeTheFileBeforeDefaults) {
  const TemporaryFolder folder;
  std::ofstream(folder / "run.ini") << "# a comment\nreplicas = 4\nbatch-per-replica = 16\n"
                                       "schedule = cosine\n";
  const Options o = parse({"--replicas", "2", "--config", folder / "run.ini"});
  EXPECT_EQ(o.replicas, 2);
  EXPECT_EQ(o.batch_per_replica, 16);
  EXPECT_EQ(o.schedule.name, "cosine");
  EXPECT_EQ(o.threads, 1);
}

TEST(Options, MistakesInTheFileNameItAndTheKey) {
  const TemporaryFolder folder;
  std::ofstream(folder / "run.ini") << "replica = 4\n";
  EXPECT_EQ(refusal({"--config", folder / "run.ini"}),
            folder / "run.ini" + ": unknown option '--replica'; did you mean '--replicas'?");
  std::ofstream(folder / "number.ini") << "replicas = four\n";
  EXPECT_THAT(refusal({"--config", folder / "number.ini"}), HasSubstr("four"));
  EXPECT_THAT(refusal({"--config", folder / "none.ini"}), HasSubstr("none.ini"));
  std::ofstream(folder / "both.ini") << "epochs = 4\n";
  EXPECT_THAT(refusal({"--steps", "5", "--config", folder / "both.ini"}),
              HasSubstr("contradicts --epochs"));
}

TEST(Options, HelpAndVersion) {
  const auto help = parse_options({"--help"}).information;
  ASSERT_TRUE(help);
  EXPECT_THAT(help->text, HasSubstr("Usage: mpirun -np RANKS resnext-worker"));
  EXPECT_THAT(help->text, HasSubstr("--batch-per-replica"));
  for (const std::string& model : net::known_model_names()) {
    EXPECT_THAT(help->text, HasSubstr("  " + model + " "));
  }
  const auto version = parse_options({"--version"}).information;
  ASSERT_TRUE(version);
  EXPECT_THAT(version->text, HasSubstr("resnext-worker "));
}

}  // namespace
}  // namespace resnext::worker
