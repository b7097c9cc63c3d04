// The parent of a planner that crashes, ends, or will not start.

#include "net/cuda/graph_planner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_planner.h"
#include "net/cuda/layer_graphs.h"

namespace resnext::net::cuda {
namespace {
using testing::HasSubstr;

TensorGraph graph_of(std::int64_t fate) {
  return max_pool_forward({fate, 8, 4, 4}, {fate, 8, 2, 2}, {.kernel = 2, .stride = 2},
                          DataType::kBf16);
}

PlannerOptions options_for(const std::string& device) {
  PlannerOptions options;
  options.program = RESNEXT_FAKE_PLANNER;
  options.device_json = R"({"deviceVer": 900, "deviceName": ")" + device + "\"}";
  return options;
}

PlannedGraphs plan(const std::vector<std::int64_t>& fates) {
  std::vector<TensorGraph> graphs;
  for (const std::int64_t fate : fates) graphs.push_back(graph_of(fate));
  return plan_graphs(graphs, options_for("good"));
}

std::string complaint(const PlannerOptions& options) {
  const std::vector<TensorGraph> graphs{graph_of(1)};
  try {
    plan_graphs(graphs, options);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "none";
}

TEST(GraphPlannerTest, PlansInTheOrderAsked) {
  const PlannedGraphs planned = plan({3, kUnsupported, 5});
  EXPECT_EQ(planned.cudnn, "9.19.0");
  ASSERT_EQ(planned.graphs.size(), 3U);
  EXPECT_TRUE(planned.graphs[0].is_supported());
  EXPECT_EQ(planned.graphs[0].workspace, 3U);
  EXPECT_EQ(planned.graphs[2].workspace, 5U);
  EXPECT_EQ(planned.graphs[2].seconds, 0.5);
  EXPECT_FALSE(planned.graphs[1].is_supported());
  EXPECT_EQ(planned.graphs[1].why_not, "no engine");
}

TEST(GraphPlannerTest, OutlivesCrashesAndPlansTheRest) {
  const PlannedGraphs planned = plan({1, kCrashes, 2, kCrashes, 3});
  for (const std::size_t good : {0, 2, 4}) EXPECT_TRUE(planned.graphs[good].is_supported()) << good;
  for (const std::size_t bad : {1, 3}) {
    EXPECT_EQ(planned.graphs[bad].why_not, "cuDNN crashes on it (signal 11)");
  }
}

TEST(GraphPlannerTest, GivesUpOnAPlannerThatEnds) {
  const PlannedGraphs planned = plan({1, kEndsEarly, 2});
  EXPECT_TRUE(planned.graphs[0].is_supported());
  EXPECT_THAT(planned.graphs[1].why_not, HasSubstr("ended early (exit code 3, signal 0)"));
  EXPECT_FALSE(planned.graphs[2].is_supported());
}

TEST(GraphPlannerTest, SaysWhyNothingCanBePlanned) {
  EXPECT_EQ(complaint(options_for("refused")), "the planner: no such device");
  EXPECT_THAT(complaint(options_for("silent")),
              testing::AllOf(HasSubstr("fake_planner"), HasSubstr("libcudnn.so.9: cannot open"),
                             testing::Not(HasSubstr("more words"))));
  PlannerOptions missing = options_for("good");
  missing.program = "/nowhere/resnext-plan-graphs";
  EXPECT_EQ(complaint(missing), "/nowhere/resnext-plan-graphs: No such file or directory");
}

TEST(GraphPlannerTest, ACrashBeforeTheFirstGraphIsNoEndlessLoop) {
  const std::vector<TensorGraph> graphs{graph_of(1)};
  const PlannedGraphs planned = plan_graphs(graphs, options_for("crash"));
  EXPECT_THAT(planned.graphs[0].why_not, HasSubstr("signal 11"));
}

}  // namespace
}  // namespace resnext::net::cuda
