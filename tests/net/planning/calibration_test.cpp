#include "net/planning/calibration.h"

#include <cmath>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "net/planning/calibration_text.h"
#include "net/planning/step_estimate.h"

namespace resnext::net {
namespace {
using testing::HasSubstr;

TEST(Calibration, MakesTheModelMeetTheFigureThatItIsFrom) {
  const Calibration calibration = read_calibration();
  std::ifstream file(RESNEXT_SOURCE_DIR "/net/planning/README.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  for (const MeasuredThroughput& figure : calibration.attained) {
    const DeviceDescription device = read_device(figure.device);
    const Attained attained = attained_fraction(calibration, device, figure.precision);
    EXPECT_FALSE(attained.assumed);
    EXPECT_GT(attained.fraction, 0.1);
    EXPECT_LT(attained.fraction, 1);
    EXPECT_THAT(page, HasSubstr(fmt::format("| {:.1f}% |\n", 100 * attained.fraction)));
    const ComputeProfile profile = profile_model(figure.model, figure.batch_size, device.figures,
                                                 figure.precision, attained.fraction);
    const double seconds =
        estimate_best_step(profile, Interconnect(device.figures, 1, 0), {}).seconds;
    EXPECT_NEAR(figure.batch_size / seconds, figure.images_per_second,
                1e-6 * figure.images_per_second);
  }
}

// What the page says of other networks on the same GPU: the model beside what was measured there.
TEST(Calibration, StandsInThePageWithOtherNetworksOfTheSameGpu) {
  std::ifstream file(RESNEXT_SOURCE_DIR "/net/planning/README.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  const DeviceDescription device = read_device("h100");
  const Attained attained = attained_fraction(read_calibration(), device, Precision::kBf16);
  for (const auto& [model, measured] : std::vector<std::pair<const char*, const char*>>{
           {"resnet50", "5,491"}, {"resnet101", "3,609"}, {"resnext50_32x4d", "4,349"}}) {
    const ComputeProfile profile =
        profile_model(model, 128, device.figures, Precision::kBf16, attained.fraction);
    const long images = std::lround(
        128 / estimate_best_step(profile, Interconnect(device.figures, 1, 0), {}).seconds);
    const std::string modelled = fmt::format("{},{:03}", images / 1000, images % 1000);
    EXPECT_THAT(page, testing::ContainsRegex(modelled + "( images/s)?;[ \n]" + measured)) << model;
  }
}

TEST(Calibration, SaysWhatItAssumesForOtherGpus) {
  const Calibration calibration = read_calibration();
  const Attained h100 = attained_fraction(calibration, read_device("h100"), Precision::kBf16);
  const Attained h200 = attained_fraction(calibration, read_device("h200"), Precision::kBf16);
  EXPECT_TRUE(h200.assumed);
  EXPECT_EQ(h200.fraction, h100.fraction);
  EXPECT_THAT(h200.basis, HasSubstr("2913 images/s of resnext101_32x4d on one H100, bf16"));
  const Attained tf32 = attained_fraction(calibration, read_device("h100"), Precision::kTf32);
  EXPECT_THAT(tf32.basis, HasSubstr("456 images/s"));
}

TEST(Calibration, NamesWhatIsMissing) {
  nlohmann::json json = nlohmann::json::parse(calibration_text());
  json.erase("message_gap");
  try {
    parse_calibration(json.dump());
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), HasSubstr("calibration.json: "));
    EXPECT_THAT(error.what(), HasSubstr("message_gap"));
  }
  EXPECT_THROW(parse_calibration("{"), std::invalid_argument);
  json["message_gap"] = 0;
  json["attained"].clear();
  EXPECT_THROW(parse_calibration(json.dump()), std::invalid_argument);
}

}  // namespace
}  // namespace resnext::net
