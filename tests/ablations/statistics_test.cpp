#include "ablations/statistics.h"

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

namespace resnext::ablations {
namespace {

// Expected values are SciPy 1.10's: stats.ttest_rel, stats.sem and 2 * stats.t.sf.

TEST(Statistics, MeanAndStandardError) {
  const std::vector<double> values{10.5, 11.2, 9.8, 10.9, 10.1};
  const Mean mean = mean_of(values);
  EXPECT_EQ(mean.n, 5);
  EXPECT_DOUBLE_EQ(mean.mean, 10.5);
  EXPECT_NEAR(mean.standard_error, 0.2549509756796391, 1e-14);
}

TEST(Statistics, OneValueHasNoStandardError) {
  const Mean mean = mean_of(std::vector<double>{3.0});
  EXPECT_EQ(mean.n, 1);
  EXPECT_EQ(mean.mean, 3.0);
  EXPECT_TRUE(std::isnan(mean.standard_error));
  EXPECT_TRUE(std::isnan(mean_of(std::vector<double>{}).mean));
}

TEST(Statistics, DigitsThatTheErrorSupports) {
  EXPECT_EQ(decimals_of({4, 23.41, 0.31}), 2);
  EXPECT_EQ(decimals_of({4, 23.41, 0.05}), 2);
  EXPECT_EQ(decimals_of({4, 0.3123, 0.0021}), 3);
  EXPECT_EQ(decimals_of({4, 0.3123, 1e-9}), 6);
  EXPECT_EQ(decimals_of({4, 100, 0}), 2) << "all seeds alike";
  EXPECT_EQ(decimals_of({1, 23.41, NAN}), 2);
  EXPECT_EQ(decimals_of({1, 0.3123, NAN}), 3);
  EXPECT_EQ(decimals_of({0, NAN, NAN}), 2);
}

TEST(Statistics, PairedTestOfThreeSeeds) {
  const auto test =
      paired_test(std::vector<double>{23.9, 24.1, 23.7}, std::vector<double>{22.2, 22.5, 22.1});
  ASSERT_TRUE(test);
  EXPECT_EQ(test->n, 3);
  EXPECT_NEAR(test->difference, 1.6333333333333333, 1e-12);
  EXPECT_NEAR(test->t, 49.0, 1e-9);
  EXPECT_NEAR(test->p, 0.0004162331085625429, 1e-14);
}

TEST(Statistics, PairedTestOfFiveSeeds) {
  const auto test = paired_test(std::vector<double>{10.5, 11.2, 9.8, 10.9, 10.1},
                                std::vector<double>{10.4, 11.6, 10.3, 10.2, 10.6});
  ASSERT_TRUE(test);
  EXPECT_NEAR(test->t, -0.5144957554275258, 1e-12);
  EXPECT_NEAR(test->p, 0.6340271611962773, 1e-12);
}

TEST(Statistics, NothingCanBeSaidOfOnePair) {
  EXPECT_FALSE(paired_test(std::vector<double>{1.0}, std::vector<double>{2.0}));
  EXPECT_FALSE(paired_test(std::vector<double>{1.0, 2.0}, std::vector<double>{2.0}));
}

TEST(Statistics, EqualRowsDoNotDiffer) {
  const std::vector<double> values{1.0, 2.0, 3.0};
  const auto test = paired_test(values, values);
  ASSERT_TRUE(test);
  EXPECT_EQ(test->difference, 0);
  EXPECT_EQ(test->p, 1);
}

TEST(Statistics, TwoSidedP) {
  EXPECT_NEAR(two_sided_p(0.5, 1), 0.7048327646991336, 1e-13);
  EXPECT_NEAR(two_sided_p(2.0, 2), 0.1835034190722739, 1e-13);
  EXPECT_NEAR(two_sided_p(-4.303, 2), 0.04999252498521449, 1e-13);
  EXPECT_NEAR(two_sided_p(2.262, 9), 0.05001284550245455, 1e-13);
  EXPECT_NEAR(two_sided_p(12.0, 4), 0.000276428548502973, 1e-14);
  EXPECT_NEAR(two_sided_p(1.0, 200), 0.31851884790974705, 1e-12);
  EXPECT_EQ(two_sided_p(std::numeric_limits<double>::infinity(), 2), 0);
}

}  // namespace
}  // namespace resnext::ablations
