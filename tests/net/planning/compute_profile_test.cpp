#include "net/planning/compute_profile.h"

#include <gtest/gtest.h>

#include "net/cuda/roofline.h"

namespace resnext::net {
namespace {

const char* const kModel = "resnext11_4x4d_cifar_w16";

Graph graph_of(const std::string& model) {
  return build_graph(parse_spec(model), {3, 32, 32}, 10);
}

TEST(ComputeProfile, IsTheRooflineWithItsGradientsInTime) {
  const DeviceFigures figures = read_device("a100").figures;
  const cuda::DeviceProgram program =
      cuda::lower(graph_of(kModel), 8, cuda::DataType::kBf16, true, 10'000);
  const ComputeProfile profile = profile_computation(program, figures, Precision::kBf16, 1);
  EXPECT_EQ(profile.batch_size, 8);
  EXPECT_EQ(profile.parameters, 91'354U);
  EXPECT_DOUBLE_EQ(profile.seconds,
                   cuda::least_time(cuda::step_costs(program), figures, Precision::kBf16));
  ASSERT_GT(profile.ready.size(), 2U);
  for (std::size_t i = 1; i < profile.ready.size(); ++i) {
    EXPECT_GT(profile.ready[i].values, profile.ready[i - 1].values);
    EXPECT_GT(profile.ready[i].seconds, profile.ready[i - 1].seconds);
  }
  EXPECT_GT(profile.ready.front().seconds,
            profile.seconds / 4);  // not before the forward pass ends
  EXPECT_EQ(profile.ready.back().values, profile.parameters);
  EXPECT_DOUBLE_EQ(profile.ready.back().seconds, profile.seconds);
  EXPECT_DOUBLE_EQ(profile.refresh_seconds, 91'354 * (4 + 2) / figures.memory_bandwidth);
}

TEST(ComputeProfile, TakesTwiceAsLongAtHalfOfTheRoofline) {
  const DeviceFigures figures = read_device("a100").figures;
  const ComputeProfile all = profile_model(kModel, 8, figures, Precision::kTf32, 1);
  const ComputeProfile half = profile_model(kModel, 8, figures, Precision::kTf32, 0.5);
  EXPECT_DOUBLE_EQ(half.seconds, 2 * all.seconds);
  EXPECT_DOUBLE_EQ(half.refresh_seconds, 2 * all.refresh_seconds);
  EXPECT_DOUBLE_EQ(half.memory_bandwidth, all.memory_bandwidth / 2);
  EXPECT_DOUBLE_EQ(all.refresh_seconds, 91'354 * (4 + 4) / figures.memory_bandwidth);
}

TEST(ComputeProfile, KnowsNoUnknownModels) {
  EXPECT_THROW(profile_model("resnext", 8, {}, Precision::kBf16, 1), std::invalid_argument);
}

}  // namespace
}  // namespace resnext::net
