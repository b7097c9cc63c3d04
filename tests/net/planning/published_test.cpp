// The model of scaling against what others measured, on figures that it was not calibrated with.

#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "published_figures.h"

namespace resnext::net {
namespace {
using testing::HasSubstr;

std::string page() {
  std::ifstream file(RESNEXT_SOURCE_DIR "/net/planning/README.md");
  return {std::istreambuf_iterator<char>(file), {}};
}

/// As a row of the page's table.
std::string row_text(const Comparison& comparison) {
  std::string row = fmt::format("| {} |", comparison.name);
  if (const auto& pair = comparison.efficiency) {
    row += fmt::format(" {:.1f}% | {:.1f}% | {:+.1f} |", 100 * pair->published,
                       100 * pair->modelled, 100 * (pair->modelled - pair->published));
  } else {
    row += " | | |";
  }
  if (const auto& pair = comparison.images_per_second) {
    row += fmt::format(" {:.0f} | {:.0f} | {:+.1f}% |", pair->published, pair->modelled,
                       100 * (pair->modelled / pair->published - 1));
  } else {
    row += " | | |";
  }
  return row + "\n";
}

TEST(PublishedFigures, AreOffByTheErrorThatIsStated) {
  const Calibration calibration = calibration_for_published();
  const ModelError error = error_of(compare_with_published(calibration));
  const ModelError& stated = calibration.error;
  EXPECT_EQ(error.efficiencies, stated.efficiencies);
  EXPECT_NEAR(error.mean_efficiency_points, stated.mean_efficiency_points, 0.05);
  EXPECT_NEAR(error.max_efficiency_points, stated.max_efficiency_points, 0.05);
  EXPECT_EQ(error.throughputs, stated.throughputs);
  EXPECT_NEAR(error.mean_throughput_percent, stated.mean_throughput_percent, 0.05);
  EXPECT_NEAR(error.max_throughput_percent, stated.max_throughput_percent, 0.05);
}

/// What the model leaves out only costs time.
TEST(PublishedFigures, AreNeverBetterThanTheModelsEfficiency) {
  for (const Comparison& comparison : compare_with_published(calibration_for_published())) {
    if (!comparison.efficiency) continue;
    EXPECT_GT(comparison.efficiency->modelled, comparison.efficiency->published) << comparison.name;
  }
}

TEST(PublishedFigures, GiveTheErrorThatThePageStates) {
  const ModelError error = read_calibration().error;
  EXPECT_THAT(page(),
              HasSubstr(fmt::format(
                  "efficiency {:.1f} points in the mean, {:.1f} at most ({} figures); "
                  "images/s {:.1f}% in the mean, {:.1f}% at most ({} figures)",
                  error.mean_efficiency_points, error.max_efficiency_points, error.efficiencies,
                  error.mean_throughput_percent, error.max_throughput_percent, error.throughputs)));
}

TEST(PublishedFigures, StandInThePageWithTheModelsBesideAndNothingElse) {
  std::string rows = "|---|---|---|---|---|---|---|\n";
  for (const Comparison& comparison : compare_with_published(calibration_for_published())) {
    rows += row_text(comparison);
  }
  EXPECT_THAT(page(), HasSubstr(rows + "\n**Error**"));
}

}  // namespace
}  // namespace resnext::net
