#include "worker/evaluation/error_counts.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace resnext::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsNan;
using ::testing::Not;

TEST(ErrorCountsTest, AmongAllClassesAndAmongItsOwn) {
  const ClassMapping classes{{7, 2}, true};  // of ten
  ErrorCounts counts;
  const std::vector<float> scores = {9, 8, 1, 7, 6, 5, 4, 3, 0, 0};
  count_image(scores, classes, 0, counts);  // class 7: seventh of all, first of its own
  count_image(scores, classes, 1, counts);  // class 2: eighth, second
  const ValidationResult result = to_result(counts, classes);
  EXPECT_EQ(result.images, 2);
  EXPECT_EQ(result.top1_error, 100);
  EXPECT_EQ(result.top5_error, 100);
  ASSERT_TRUE(result.restricted);
  EXPECT_EQ(result.restricted->classes, 2);
  EXPECT_EQ(result.restricted->top1_error, 50);
  EXPECT_EQ(result.restricted->top5_error, 0);
  double sum = 0;
  for (const float score : scores) sum += std::exp(double(score));
  EXPECT_NEAR(result.loss, std::log(sum) - (3 + 1) / 2.0, 1e-12);
  EXPECT_THAT(describe(result), HasSubstr("among its own 2 classes: top-1 error 50.00%"));
}

TEST(ErrorCountsTest, OneErrorWhereThereAreNoOtherClasses) {
  ErrorCounts counts;
  count_image(std::vector<float>{1, 2}, same_classes(2), 1, counts);
  const ValidationResult result = to_result(counts, same_classes(2));
  EXPECT_EQ(result.top1_error, 0);
  EXPECT_FALSE(result.restricted);
  EXPECT_THAT(describe(result), Not(HasSubstr("among")));
}

TEST(ErrorCountsTest, RunsThatChangeTheirValidationSetKeepWholeSeries) {
  ValidationHistory history;
  add_evaluation(1, 0.5, {10, 1, 2, 3, std::nullopt}, history);
  EXPECT_THAT(history.restricted_top1_error, IsEmpty());
  add_evaluation(2, 1.0, {10, 1, 2, 3, ValidationResult::Restricted{2, 20, 30}}, history);
  add_evaluation(3, 1.5, {10, 1, 2, 3, std::nullopt}, history);
  EXPECT_THAT(history.step, ElementsAre(1, 2, 3));
  EXPECT_THAT(history.restricted_top1_error, ElementsAre(IsNan(), 20, IsNan()));
  EXPECT_THAT(history.restricted_top5_error, ElementsAre(IsNan(), 30, IsNan()));
}

}  // namespace
}  // namespace resnext::worker
