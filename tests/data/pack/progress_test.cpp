#include "data/pack/progress.h"

#include <gtest/gtest.h>

namespace resnext::data {
namespace {

TEST(ProgressText, SaysRateAndTimeLeft) {
  EXPECT_EQ(progress_text("packed", "samples", 1500, 6000, 0, 150'000'000, 10.0),
            "packed 1500 of 6000 samples (25.0%), 150 samples/s, 15.0 MB/s, 30 s left");
  EXPECT_EQ(progress_text("packed", "samples", 6000, 6000, 0, 600'000'000, 40.0),
            "packed 6000 of 6000 samples (100.0%), 150 samples/s, 15.0 MB/s");
}

TEST(ProgressText, CountsTheRateFromWhatThisRunDid) {
  EXPECT_EQ(progress_text("packed", "samples", 5500, 6000, 5000, 0, 10.0),
            "packed 5500 of 6000 samples (91.7%), 50 samples/s, 10 s left");
  EXPECT_EQ(progress_text("packed", "samples", 5000, 6000, 5000, 0, 10.0),
            "packed 5000 of 6000 samples (83.3%)");
}

TEST(DurationText, UsesUnitsThatFit) {
  EXPECT_EQ(duration_text(0.2), "1 s");
  EXPECT_EQ(duration_text(119), "119 s");
  EXPECT_EQ(duration_text(125), "2 min");
  EXPECT_EQ(duration_text(3600 * 9 + 61), "9 h 1 min");
  EXPECT_EQ(duration_text(86400 * 3 + 3600 * 5), "3 days 5 h");
}

}  // namespace
}  // namespace resnext::data
