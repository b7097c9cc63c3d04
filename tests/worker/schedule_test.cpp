#include "worker/schedule.h"

#include <algorithm>
#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace resnext::worker {
namespace {

/// ImageNet in the paper: 5005 steps an epoch, the last of them partial.
ScheduleOptions paper() {
  ScheduleOptions options;
  options.steps_per_epoch = 5005;
  options.total_steps = 100 * 5005;
  return options;
}

double rate_in_epoch(const ScheduleOptions& options, std::uint64_t epoch, std::uint64_t step) {
  return learning_rate_at(options, (epoch - 1) * options.steps_per_epoch + step);
}

// 0.1 * 0.1^floor((epoch - 1) / 30), epochs counted from 1.
TEST(Schedule, StepIsThePapers) {
  for (const std::uint64_t step : {0, 5004}) {
    EXPECT_DOUBLE_EQ(rate_in_epoch(paper(), 1, step), 0.1);
    EXPECT_DOUBLE_EQ(rate_in_epoch(paper(), 30, step), 0.1);
    EXPECT_DOUBLE_EQ(rate_in_epoch(paper(), 31, step), 0.01);
    EXPECT_DOUBLE_EQ(rate_in_epoch(paper(), 60, step), 0.01);
    EXPECT_DOUBLE_EQ(rate_in_epoch(paper(), 61, step), 0.001);
    EXPECT_DOUBLE_EQ(rate_in_epoch(paper(), 90, step), 0.001);
    EXPECT_DOUBLE_EQ(rate_in_epoch(paper(), 91, step), 0.0001);
    EXPECT_DOUBLE_EQ(rate_in_epoch(paper(), 100, step), 0.0001);
  }
}

TEST(Schedule, StepOfTheCifarRecipe) {
  ScheduleOptions options;
  options.milestones = {150, 225};
  options.steps_per_epoch = 391;
  EXPECT_DOUBLE_EQ(rate_in_epoch(options, 150, 390), 0.1);
  EXPECT_DOUBLE_EQ(rate_in_epoch(options, 151, 0), 0.01);
  EXPECT_DOUBLE_EQ(rate_in_epoch(options, 226, 0), 0.001);
}

TEST(Schedule, OneCycleRisesOverAQuarterAndFallsToNothing) {
  ScheduleOptions options;
  options.name = "one-cycle";
  options.learning_rate = 0.2;
  options.total_steps = 400;
  EXPECT_NEAR(learning_rate_at(options, 0), 0.2 * 0.5 / 100, 1e-12);
  EXPECT_NEAR(learning_rate_at(options, 49), 0.2 * 49.5 / 100, 1e-12);
  EXPECT_NEAR(learning_rate_at(options, 99), 0.2 * 99.5 / 100, 1e-12);
  EXPECT_NEAR(learning_rate_at(options, 100), 0.2 * 299.5 / 300, 1e-12);
  EXPECT_NEAR(learning_rate_at(options, 250), 0.2 * 149.5 / 300, 1e-12);
  EXPECT_NEAR(learning_rate_at(options, 399), 0.2 * 0.5 / 300, 1e-12);
  for (std::uint64_t step = 0; step < 400; ++step) EXPECT_GT(learning_rate_at(options, step), 0);
}

TEST(Schedule, CosineFallsFromThePeakToNothing) {
  ScheduleOptions options;
  options.name = "cosine";
  options.total_steps = 100;
  EXPECT_DOUBLE_EQ(learning_rate_at(options, 0), 0.1);
  EXPECT_NEAR(learning_rate_at(options, 50), 0.05, 1e-12);
  EXPECT_NEAR(learning_rate_at(options, 25), 0.1 * 0.853553390593274, 1e-12);
  EXPECT_NEAR(learning_rate_at(options, 100), 0, 1e-12);
}

TEST(Schedule, WarmUpIsLinearAndMeetsTheSchedule) {
  for (const std::string name : {"step", "cosine", "constant"}) {
    ScheduleOptions options;
    options.name = name;
    options.warmup_epochs = 5;
    options.steps_per_epoch = 10;
    options.total_steps = 1000;
    for (std::uint64_t step = 0; step < 50; ++step) {
      EXPECT_NEAR(learning_rate_at(options, step), 0.1 * double(step + 1) / 51, 1e-12) << name;
    }
    EXPECT_NEAR(learning_rate_at(options, 50), 0.1, 1e-12) << name;
  }
}

TEST(Schedule, ConstantIs) {
  ScheduleOptions options;
  options.name = "constant";
  EXPECT_DOUBLE_EQ(learning_rate_at(options, 0), 0.1);
  EXPECT_DOUBLE_EQ(learning_rate_at(options, 1'000'000), 0.1);
}

// What is left out of the experiment that must match to resume (see describe_experiment).
TEST(Schedule, OnlySomeDependOnTheLength) {
  for (const std::string& name : schedule_names()) {
    ScheduleOptions shorter, longer;
    shorter.name = longer.name = name;
    shorter.total_steps = 100;
    longer.total_steps = 200;
    bool differs = false;
    for (std::uint64_t step = 0; step < 100; ++step) {
      differs = differs || learning_rate_at(shorter, step) != learning_rate_at(longer, step);
    }
    EXPECT_EQ(differs, depends_on_length(name)) << name;
  }
}

TEST(Schedule, UnknownNamesAreErrors) {
  ScheduleOptions options;
  options.name = "cosin";
  try {
    learning_rate_at(options, 0);
    FAIL() << "no exception";
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("did you mean 'cosine'"));
  }
}

}  // namespace
}  // namespace resnext::worker
