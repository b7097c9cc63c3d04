#include "ablations/recipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/ablations/scratch_folder.h"

namespace resnext::ablations {
namespace {

using testing::ElementsAre;
using testing::Pair;

ShardSets shards(std::uint64_t training, std::uint64_t validation) {
  return {"t", "v", "a", "b", training, validation};
}

TEST(Recipe, PresetIsReadWithoutItsModel) {
  const ScratchFolder folder;
  const Programs programs{
      "",
      folder.write_program("worker",
                           "test \"$*\" = '--print-recipe cifar' || exit 1\n"
                           "printf '# a = b\\nmodel = x\\nlearning-rate = 0.1\\n'\n"),
      "", ""};
  EXPECT_THAT(preset_options("cifar", programs), ElementsAre(Pair("learning-rate", "0.1")));
  EXPECT_THAT(preset_options("", programs), ElementsAre());
}

TEST(Recipe, LengthInStepsReplacesEpochs) {
  const Options preset{{"epochs", "300"}, {"seed", "1"}};
  EXPECT_THAT(overlaid(preset, {{"steps", "5"}}),
              ElementsAre(Pair("seed", "1"), Pair("steps", "5")));
  EXPECT_THAT(overlaid({{"steps", "5"}}, {{"epochs", "2"}}), ElementsAre(Pair("epochs", "2")));
}

TEST(Recipe, EpochsCountTheLastPartialBatch) {
  const Length length = length_of(
      {{"epochs", "95"}, {"replicas", "8"}, {"batch-per-replica", "32"}}, shards(1281167, 50000));
  EXPECT_EQ(length.steps, 95u * 5005u);
  EXPECT_EQ(length.images, 95u * 1281167u);
  EXPECT_EQ(length.validation_images, 95u * 50000u);
}

TEST(Recipe, EpochsOfGivenSteps) {
  const Length length = length_of(
      {{"epochs", "2"}, {"epoch-steps", "5005"}, {"validate-every", "0"}}, shards(6800000, 50000));
  EXPECT_EQ(length.steps, 10010u);
  EXPECT_EQ(length.images, 10010u * 256u);
  EXPECT_EQ(length.validation_images, 0u);
}

TEST(Recipe, StepsOnTheWorkersOwnSet) {
  const Length length = length_of({{"steps", "24"}, {"replicas", "4"}, {"batch-per-replica", "16"}},
                                  ShardSets{"", "", "synthetic", "synthetic", 0, 0});
  EXPECT_EQ(length.steps, 24u);
  EXPECT_EQ(length.validation_images, 1024u);
}

TEST(Recipe, WhatIsNoNumberIsNamed) {
  EXPECT_THROW(length_of({{"epochs", "many"}}, shards(1, 1)), std::runtime_error);
  EXPECT_THROW(length_of({{"epochs", "-1"}}, shards(1, 1)), std::runtime_error);
}

}  // namespace
}  // namespace resnext::ablations
