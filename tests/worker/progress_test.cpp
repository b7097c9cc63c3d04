#include "worker/progress.h"

#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace resnext::worker {
namespace {

using ::testing::HasSubstr;
using ::testing::internal::CaptureStdout;
using ::testing::internal::GetCapturedStdout;

TEST(Progress, Line) {
  ProgressLine line;
  line.epoch = 1.5;
  line.epochs = 4;
  line.step = 150;
  line.steps = 400;
  line.loss = 1.23456;
  line.top1_error = 45.678;
  line.learning_rate = 0.1;
  line.images_per_second = 812.34;
  line.data_wait = 0.031;
  line.seconds_left = 125;
  EXPECT_EQ(format_progress(line),
            "epoch   1.50/4  step    150/400  loss  1.2346  error  45.68%  lr 0.1        812.3 "
            "img/s  data   3%  left 2:05");
}

TEST(Progress, LinesOfEqualMagnitudesAreEquallyWide) {
  ProgressLine early, late;
  early.epochs = late.epochs = 10;
  early.steps = late.steps = 5000;
  early.step = 7;
  late.step = 4999;
  late.epoch = 9.99;
  early.top1_error = 100;
  late.loss = 12.5;
  late.images_per_second = 12345.6;
  early.data_wait = 1;
  early.seconds_left = late.seconds_left = 60;
  EXPECT_EQ(format_progress(early).size(), format_progress(late).size());
}

TEST(Progress, Durations) {
  EXPECT_EQ(format_duration(0), "0:00");
  EXPECT_EQ(format_duration(-3), "0:00");
  EXPECT_EQ(format_duration(59.6), "1:00");
  EXPECT_EQ(format_duration(3599), "59:59");
  EXPECT_EQ(format_duration(3723), "1:02:03");
  EXPECT_EQ(format_duration(100 * 3600), "100:00:00");
}

Progress::Step step(std::uint64_t number, double loss_sum, std::int64_t correct) {
  return {number, loss_sum, correct, 10, 0.05, 0.5, 0.1};
}

TEST(Progress, AveragesTheStepsSinceTheLastLine) {
  CaptureStdout();
  Progress progress(1e9, false, 4, 10, 5);
  progress.add(step(5, 100, 0), true);
  progress.add(step(6, 10, 5), false);
  progress.add(step(7, 30, 10), true);
  const std::string text = GetCapturedStdout();
  EXPECT_EQ(text,
            "epoch   1.00/2  step      5/10  loss 10.0000  error 100.00%  lr 0.05        20.0 "
            "img/s  data  20%  left 0:03\n"
            "epoch   1.40/2  step      7/10  loss  2.0000  error  25.00%  lr 0.05        20.0 "
            "img/s  data  20%  left 0:02\n");
}

TEST(Progress, PrintsAsOftenAsAsked) {
  CaptureStdout();
  Progress progress(0, false, 0, 10, 5);
  for (std::uint64_t number = 1; number <= 3; ++number) progress.add(step(number, 1, 1), false);
  const std::string text = GetCapturedStdout();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
}

TEST(Progress, ALiveLineIsRewrittenAndTextComesClearOfIt) {
  CaptureStdout();
  Progress progress(0, true, 0, 10, 5);
  progress.add(step(1, 1, 1), false);
  progress.print("validation");
  progress.add(step(2, 1, 1), true);
  const std::string text = GetCapturedStdout();
  EXPECT_EQ(text.rfind("\r\033[Kepoch", 0), 0U);
  EXPECT_THAT(text, HasSubstr("left 0:05\r\033[Kvalidation\n\r\033[Kepoch"));
  EXPECT_EQ(text.back(), '\n');
}

TEST(Progress, PlainUnderMpirunAndIntoFiles) {
  EXPECT_TRUE(is_live("live"));
  EXPECT_FALSE(is_live("plain"));
  setenv("OMPI_COMM_WORLD_SIZE", "2", 1);
  EXPECT_FALSE(is_live("auto"));
  unsetenv("OMPI_COMM_WORLD_SIZE");
}

}  // namespace
}  // namespace resnext::worker
