#include "worker/setup.h"

#include <functional>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/program.h"
#include "tests/worker/small_shards.h"
#include "tests/worker/small_training.h"

namespace resnext::worker {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::HasSubstr;
using ::testing::SizeIs;

Options parse(const std::vector<std::string>& arguments) {
  return parse_options(arguments).options;
}

/// What prepare() refuses the options with; "usage: …" for a UsageError.
std::string refusal(const std::vector<std::string>& arguments, int ranks = 1) {
  try {
    prepare(parse(arguments), ranks);
  } catch (const cli::UsageError& error) {
    return fmt::format("usage: {}", error.what());
  } catch (const std::exception& error) {
    return error.what();
  }
  return "accepted";
}

class SetupTest : public ::testing::Test {
 protected:
  std::string shards(const std::string& name, const SmallShards& shards = {}) {
    return write_small_shards(folder_.path(), name, shards);
  }
  TemporaryFolder folder_;
};

TEST_F(SetupTest, SyntheticSet) {
  const auto setup = prepare(parse({}), 2);
  EXPECT_EQ(setup.options.augment, "none");
  EXPECT_EQ(setup.options.image_size, 32);
  EXPECT_EQ(setup.graph.classes, 10);
  EXPECT_EQ(setup.steps_per_epoch, 16U);
  EXPECT_EQ(setup.total_steps, 16U);
  ASSERT_TRUE(setup.validation);
  EXPECT_EQ(setup.validation->info().size, 1024U);
}

TEST_F(SetupTest, RawImagesInACifarNetKeepTheirSize) {
  const std::string data = shards("train");
  const auto setup =
      prepare(parse({"--model", "resnext11_4x4d_cifar_w8", "--data", data, "--replicas", "2",
                     "--batch-per-replica", "2", "--epochs", "1.5", "--validate-every", "0.5"}),
              1);
  EXPECT_EQ(setup.options.image_size, 12);
  EXPECT_EQ(setup.options.augment, "cifar");
  EXPECT_EQ(setup.graph.input.channels, 1);
  EXPECT_EQ(setup.graph.classes, 2);
  EXPECT_THAT(setup.options.mean, SizeIs(1));
  EXPECT_EQ(setup.steps_per_epoch, 3U);  // 10 images in batches of 4, the last one partial
  EXPECT_EQ(setup.total_steps, 5U);      // 4.5, rounded up
  EXPECT_EQ(setup.validation_steps, 2U);
  EXPECT_EQ(setup.options.checkpoint_every, 3U);
  EXPECT_EQ(setup.options.schedule.total_steps, 5U);
  EXPECT_FALSE(setup.validation);
}

TEST_F(SetupTest, EncodedImagesInAnImageNetNet) {
  SmallShards encoded;
  encoded.encoding = data::Encoding::kEncoded;
  encoded.channels = 3;
  const auto setup = prepare(parse({"--model", "resnet50", "--data", shards("train", encoded)}), 1);
  EXPECT_EQ(setup.options.image_size, 224);
  EXPECT_EQ(setup.options.augment, "imagenet");
  EXPECT_THAT(setup.options.mean, ElementsAre(0.485F, 0.456F, 0.406F));
}

TEST_F(SetupTest, OneMeanServesAllChannels) {
  const auto setup = prepare(parse({"--mean", "0.5", "--deviation", "0.25"}), 1);
  EXPECT_THAT(setup.normalisation.mean, SizeIs(3));
  EXPECT_THAT(setup.normalisation.mean, Each(0.5F));
  EXPECT_THAT(setup.normalisation.deviation, Each(0.25F));
  EXPECT_THAT(refusal({"--mean", "0.5,0.5", "--deviation", "1,1"}),
              HasSubstr("usage: --mean: 2 values for the 3 channels"));
}

TEST_F(SetupTest, RanksThatDoNotFit) {
  EXPECT_THAT(refusal({}, 3), HasSubstr("usage: --replicas: 3 ranks cannot share 8 replicas"));
  EXPECT_THAT(refusal({"--replicas", "6"}, 2), HasSubstr("each would sum 3 replicas"));
  EXPECT_EQ(refusal({"--replicas", "6", "--reduce", "fast"}, 2), "accepted");
  EXPECT_THAT(refusal({"--replicas", "6", "--reduce", "fast"}, 4), HasSubstr("usage: --replicas:"));
}

TEST_F(SetupTest, UnknownModel) {
  EXPECT_THAT(refusal({"--model", "resnext50_32x4"}), HasSubstr("usage: --model:"));
  EXPECT_THAT(refusal({"--model", "resnext50_32x4"}), HasSubstr("resnext50_32x4d"));
}

TEST_F(SetupTest, ValidationSetsThatDoNotFit) {
  const std::vector<std::string> options = {"--model", "resnext11_4x4d_cifar_w8", "--data",
                                            shards("train"), "--val-data"};
  const auto with = [&](const std::string& validation) {
    std::vector<std::string> all = options;
    all.push_back(validation);
    return refusal(all);
  };
  EXPECT_EQ(with(shards("same", {.size = 3})), "accepted");
  EXPECT_THAT(with(shards("fewer", {.class_names = {"elk"}})),
              HasSubstr("1 against 2, and 'elk' is not among these"));
  EXPECT_THAT(with(shards("more", {.class_names = {"cat", "dog", "elk"}})),
              HasSubstr("3 against 2"));
  EXPECT_EQ(with(shards("part", {.class_names = {"dog"}})), "accepted");
  EXPECT_THAT(with(shards("others", {.class_names = {"cat", "elk"}})),
              HasSubstr("class 1 is 'elk' against 'dog'"));
  EXPECT_THAT(with(shards("colour", {.channels = 3})), HasSubstr("has 3 channels"));
}

TEST_F(SetupTest, ImagesThatTheNetOrTheAugmentationDoesNotTake) {
  EXPECT_THAT(refusal({"--model", "resnext11_4x4d_cifar_w8", "--data",
                       shards("oblong", {.height = 12, .width = 14})}),
              HasSubstr("--image-size"));
  EXPECT_THAT(refusal({"--model", "resnext11_4x4d_cifar_w8", "--data", shards("small"),
                       "--image-size", "16"}),
              HasSubstr("usage: --augment: cifar takes images of the network's own size"));
  EXPECT_EQ(refusal({"--model", "resnext11_4x4d_cifar_w8", "--data", folder_ / "small",
                     "--image-size", "16", "--augment", "imagenet"}),
            "accepted");
}

TEST_F(SetupTest, ColoursOfGreyImagesAreNotAdjusted) {
  EXPECT_THAT(refusal({"--model", "resnext11_4x4d_cifar_w8", "--data", shards("train"),
                       "--replicas", "2", "--augment", "imagenet-colour"}),
              HasSubstr("augmentation 'imagenet-colour' adjusts colours: it takes images of 3 "
                        "channels, not 1"));
}

TEST_F(SetupTest, WhatDecidesTheBitsIsPartOfTheExperiment) {
  const std::vector<std::string> base = {
      "--model", "resnext11_4x4d_cifar_w8", "--data", shards("train"), "--steps", "7"};
  const auto experiment = [&](const std::vector<std::string>& more, int ranks = 1) {
    std::vector<std::string> all = base;
    all.insert(all.end(), more.begin(), more.end());
    return describe_experiment(prepare(parse(all), ranks));
  };
  const auto mine = experiment({});
  const std::vector<std::vector<std::string>> decisive = {{"--replicas", "4"},
                                                          {"--batch-per-replica", "4"},
                                                          {"--seed", "2"},
                                                          {"--augment", "none"},
                                                          {"--shuffle", "off"},
                                                          {"--learning-rate", "0.2"},
                                                          {"--momentum", "0.8"},
                                                          {"--weight-decay", "0"},
                                                          {"--nesterov", "off"},
                                                          {"--milestones", "1,2"},
                                                          {"--decay", "0.5"},
                                                          {"--warmup-epochs", "1"},
                                                          {"--threads", "2"},
                                                          {"--deviation", "0.5", "--mean", "0.5"},
                                                          {"--reduce", "fast"},
                                                          {"--schedule", "constant"},
                                                          {"--init", "other.h5"},
                                                          {"--epoch-steps", "2"},
                                                          {"--accumulate", "2"},
                                                          {"--clip-gradient-norm", "1"},
                                                          {"--ema-decay", "0.9"},
                                                          {"--label-smoothing", "0.1"},
                                                          {"--zero-init-last-gamma", "on"},
                                                          {"--block-form", "b"}};
  for (const auto& options : decisive) {
    EXPECT_THAT(experiment_difference(mine, experiment(options)),
                HasSubstr(options.front().substr(2)));
    EXPECT_THAT(experiment_difference(experiment(options), mine),
                HasSubstr(options.front().substr(2)));
  }
  EXPECT_THAT(experiment_difference(experiment({"--init", "other.h5"}),
                                    experiment({"--init", "other.h5", "--init-skip", "fc.,bn1"})),
              HasSubstr("it was made with init-skip \"fc.,bn1\", this run is without"));
  const std::vector<std::vector<std::string>> harmless = {
      {"--decode-threads", "3"},   {"--log-every", "1"}, {"--bucket-mib", "1"},
      {"--keep-checkpoints", "9"}, {"--scale", "small"}, {"--timeout", "5"},
      {"--validate-every", "2"}};
  for (const auto& options : harmless) {
    EXPECT_EQ(experiment_difference(mine, experiment(options)), "") << options.front();
  }
  EXPECT_EQ(experiment_difference(mine, experiment({}, 4)), "");
}

// So that what was written before these options existed resumes.
TEST_F(SetupTest, WhatIsOffIsNotMentioned) {
  const auto experiment = describe_experiment(prepare(parse({}), 1));
  for (const char* option :
       {"epoch-steps", "accumulate", "clip-gradient-norm", "ema-decay", "label-smoothing",
        "zero-init-last-gamma", "block-form", "init-skip", "recipe"}) {
    EXPECT_FALSE(experiment.contains(option)) << option;
  }
}

TEST_F(SetupTest, AnEpochOfSoManySteps) {
  const auto setup = prepare(parse({"--model", "resnext11_4x4d_cifar_w8", "--data", shards("train"),
                                    "--replicas", "2", "--batch-per-replica", "2", "--epochs", "3",
                                    "--epoch-steps", "5", "--validate-every", "2"}),
                             1);
  EXPECT_EQ(setup.steps_per_epoch, 5U);  // a pass takes 3
  EXPECT_EQ(setup.total_steps, 15U);
  EXPECT_EQ(setup.validation_steps, 10U);
  EXPECT_EQ(setup.options.checkpoint_every, 5U);
  EXPECT_EQ(setup.options.schedule.steps_per_epoch, 5U);
}

TEST_F(SetupTest, AccumulatedBatchesShortenAPass) {
  const std::vector<std::string> options = {
      "--model", "resnext11_4x4d_cifar_w8", "--data", shards("train"), "--replicas",
      "2",       "--batch-per-replica",     "2",      "--accumulate",  "2"};
  EXPECT_EQ(prepare(parse(options), 2).steps_per_epoch, 2U);  // 10 images in batches of 8
  EXPECT_THAT(refusal(options, 4), HasSubstr("4 ranks cannot share 2 replicas evenly"));
}

TEST_F(SetupTest, OptionsOfTheGraphReachIt) {
  const auto setup =
      prepare(parse({"--label-smoothing", "0.125", "--zero-init-last-gamma", "on"}), 1);
  EXPECT_EQ(setup.graph.options.label_smoothing, 0.125F);
  EXPECT_TRUE(setup.graph.options.zero_last_gamma);
}

// datasets/cifar10.lua: mean 125.3, 123.0, 113.9, std 63.0, 62.1, 66.7.
TEST_F(SetupTest, RawColourImagesAreNormalisedAsPublished) {
  const auto setup = prepare(
      parse({"--model", "resnext11_4x4d_cifar_w8", "--data", shards("colour", {.channels = 3})}),
      1);
  EXPECT_THAT(setup.options.mean,
              ElementsAre(FloatEq(0.4913725F), FloatEq(0.4823529F), FloatEq(0.4466667F)));
  EXPECT_THAT(setup.options.deviation,
              ElementsAre(FloatEq(0.2470588F), FloatEq(0.2435294F), FloatEq(0.2615686F)));
}

TEST_F(SetupTest, LengthMattersOnlyWhereTheScheduleDependsOnIt) {
  const std::string data = shards("train");
  const auto experiment = [&](const std::string& schedule, const std::string& steps) {
    return describe_experiment(prepare(parse({"--model", "resnext11_4x4d_cifar_w8", "--data", data,
                                              "--schedule", schedule, "--steps", steps}),
                                       1));
  };
  EXPECT_EQ(experiment_difference(experiment("step", "7"), experiment("step", "9")), "");
  EXPECT_EQ(experiment_difference(experiment("one-cycle", "7"), experiment("one-cycle", "9")),
            "it was made with steps 9, this run has 7");
}

TEST_F(SetupTest, AnotherDataSetIsAnotherExperiment) {
  const auto experiment = [&](const std::string& data) {
    return describe_experiment(
        prepare(parse({"--model", "resnext11_4x4d_cifar_w8", "--data", data}), 1));
  };
  const auto mine = experiment(shards("train"));
  EXPECT_EQ(experiment_difference(mine, experiment(shards("copy"))), "");
  EXPECT_THAT(experiment_difference(mine, experiment(shards("larger", {.size = 11}))),
              HasSubstr("it was made with data "));
}

}  // namespace
}  // namespace resnext::worker
