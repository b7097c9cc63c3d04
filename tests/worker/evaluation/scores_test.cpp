#include "worker/evaluation/scores.h"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace resnext::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::Pointwise;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

TEST(ScoresTest, OfEqualScoresTheLowerClassComesFirst) {
  const std::vector<float> scores = {1, 3, 2, 3, 1};
  EXPECT_THAT(top_classes(scores, 4), ElementsAre(1, 3, 2, 0));
  EXPECT_THAT(top_classes(scores, 9), ElementsAre(1, 3, 2, 0, 4));
  EXPECT_EQ(rank_of_label(scores, 1), 0);
  EXPECT_EQ(rank_of_label(scores, 3), 1);
  EXPECT_EQ(rank_of_label(scores, 4), 4);
  const std::vector<int> some = {4, 3, 0};  // in any order
  EXPECT_EQ(rank_of_label(scores, 3, some), 0);
  EXPECT_EQ(rank_of_label(scores, 0, some), 1);
  EXPECT_EQ(rank_of_label(scores, 4, some), 2);
}

TEST(ScoresTest, WhatIsNoNumberIsNeverRight) {
  const std::vector<float> scores = {kNan, 1, kNan, 2};
  EXPECT_EQ(rank_of_label(scores, 0), 4);
  EXPECT_EQ(rank_of_label(scores, 2, std::vector<int>{2, 1}), 2);
  EXPECT_EQ(rank_of_label(scores, 3), 0);
  EXPECT_THAT(top_classes(scores, 4), ElementsAre(3, 1, 0, 2));
}

TEST(ScoresTest, LogSumExpOfLargeScores) {
  EXPECT_DOUBLE_EQ(log_sum_exp(std::vector<float>{1000, 1000}), 1000 + std::log(2.0));
  EXPECT_DOUBLE_EQ(log_sum_exp(std::vector<float>{-1000, -1000}), -1000 + std::log(2.0));
}

TEST(ScoresTest, Averages) {
  const std::vector<float> rows = {1, 2, 6, 3, 4, 0};
  std::vector<float> average(3);
  average_scores(rows, Average::kLogits, average);
  EXPECT_THAT(average, ElementsAre(2, 3, 3));

  average_scores(rows, Average::kProbabilities, average);
  const double one = std::exp(1) + std::exp(2) + std::exp(6);
  const double other = std::exp(3) + std::exp(4) + std::exp(0);
  const std::vector<double> expected = {std::exp(1) / one + std::exp(3) / other,
                                        std::exp(2) / one + std::exp(4) / other,
                                        std::exp(6) / one + std::exp(0) / other};
  for (int c = 0; c < 3; ++c) EXPECT_NEAR(average[c], std::log(expected[c] / 2), 1e-6);
}

TEST(ScoresTest, OneRowIsItsOwnAverageToTheBit) {
  const std::vector<float> row = {0.1F, -7.3F, 1e-30F};
  std::vector<float> average(3);
  average_scores(row, Average::kLogits, average);
  EXPECT_EQ(average, row);
}

TEST(ScoresTest, SmallProbabilitiesKeepTheirOrder) {
  const std::vector<float> row = {0, -2000, -3000};
  std::vector<float> average(3);
  average_scores(row, Average::kProbabilities, average);
  EXPECT_THAT(average, Pointwise(FloatNear(1e-3F), row));
}

}  // namespace
}  // namespace resnext::worker
