#include "worker/evaluation/test_protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/program.h"

namespace resnext::worker {
namespace {

using ::testing::ElementsAre;

TestProtocol complete(const TestOptions& options, int image_size) {
  TestProtocol protocol = parse_test_protocol(options);
  fill_in(protocol, image_size);
  return protocol;
}

TEST(TestProtocolTest, Defaults) {
  TestProtocol protocol = complete({}, 224);
  EXPECT_EQ(protocol.crop, 224);
  EXPECT_EQ(protocol.resize, 256);
  EXPECT_EQ(describe(protocol),
            "centre crop of 224 from a shorter side of 256 (or images of just 224)");
  protocol = complete({.crop = 320}, 224);
  EXPECT_EQ(protocol.resize, 365);
  protocol = complete({.crop = 320, .resize = 320}, 224);  // Table 5
  EXPECT_EQ(describe(protocol), "centre crop of 320 from a shorter side of 320");
  protocol = complete({.protocol = "multi-scale"}, 224);
  EXPECT_THAT(protocol.scales, ElementsAre(224, 256, 384, 480, 640));
  protocol = complete({.protocol = "multi-scale", .scales = "32,40"}, 32);
  EXPECT_THAT(protocol.scales, ElementsAre(32, 40));
}

TEST(TestProtocolTest, Contradictions) {
  EXPECT_THROW(complete({.resize = 223}, 224), cli::UsageError);
  EXPECT_THROW(complete({.scales = "224"}, 224), cli::UsageError);
  EXPECT_THROW(complete({.protocol = "multi-scale", .scales = "0"}, 224), cli::UsageError);
  EXPECT_THROW(complete({.protocol = "multi-scale", .scales = "224.5"}, 224), cli::UsageError);
  EXPECT_THROW(complete({.protocol = "multi-scale", .crop = 224}, 224), cli::UsageError);
  EXPECT_THROW(complete({.crop = -1}, 224), cli::UsageError);
}

TEST(TestProtocolTest, ImagesOfJustTheCropsSizeAreTakenAsTheyAre) {
  const data::ChannelStatistics statistics{{0.0F}, {1.0F}};
  const ProtocolViews views(complete({}, 28), statistics);
  data::Image image{28, 28, 1, std::vector<std::uint8_t>(784)};
  for (std::size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] = static_cast<std::uint8_t>(i * 7);
  std::vector<float> values(784);
  data::ResizeScratch scratch;
  views.of({28, 28}).write(image, 0, scratch, values);
  for (std::size_t i = 0; i < values.size(); ++i)
    ASSERT_FLOAT_EQ(values[i], float(image.pixels[i]) / 255.0F);
  const ProtocolViews explicitly(complete({.resize = 32}, 28), statistics);
  std::vector<float> cropped(784);
  explicitly.of({28, 28}).write(image, 0, scratch, cropped);
  EXPECT_NE(cropped, values);
}

TEST(TestProtocolTest, DenseTestsAverageOverTheUsualMap) {
  for (const auto& [model, side, map] :
       {std::tuple("resnext50_32x4d", 224, 7), std::tuple("resnext11_4x4d_cifar_w8", 32, 8),
        std::tuple("resnet200_preact", 224, 7)}) {
    const net::Graph graph = net::build_graph(net::parse_spec(model), {3, side, side}, 10);
    EXPECT_EQ(testing_graph(graph, Views::kCentre).options.averaging_window, 0);
    EXPECT_EQ(testing_graph(graph, Views::kMultiScale).options.averaging_window, map) << model;
  }
}

}  // namespace
}  // namespace resnext::worker
