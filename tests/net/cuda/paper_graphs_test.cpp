// The planning rung: cuDNN has a plan, within a budget of workspace, for every graph of every
// network that the paper names, on GPUs that are not here. Graphs that networks share are planned
// once.

#include <algorithm>

#include <gtest/gtest.h>

#include "net/planning/distinct_graphs.h"
#include "paper_programs.h"
#include "planned_graphs.h"

namespace resnext::net::cuda {
namespace {

constexpr std::size_t kMiB = std::size_t(1) << 20;

bool has_graph(const std::vector<DistinctGraph>& graphs, std::string_view summary) {
  return std::ranges::any_of(graphs, [&](const DistinctGraph& graph) {
    return graph.graph.summary().find(summary) != std::string::npos;
  });
}

void expect_plans(const std::vector<DistinctGraph>& graphs, const PlannerOptions& options,
                  std::size_t workspace_budget) {
  const PlannedGraphs planned = plan_graphs(graphs_of(graphs), options);
  ASSERT_EQ(planned.graphs.size(), graphs.size());
  for (std::size_t i = 0; i < graphs.size(); ++i) {
    const PlannedGraph& plan = planned.graphs[i];
    EXPECT_TRUE(plan.is_supported()) << graphs[i].graph.summary() << ": " << plan.why_not;
    EXPECT_LE(plan.workspace, workspace_budget)
        << plan.workspace / kMiB << " MiB: " << graphs[i].graph.summary() << ", " << plan.engine;
  }
}

std::vector<DistinctGraph> paper_graphs() {
  std::vector<DistinctGraph> graphs = distinct_graphs(paper_programs());
  EXPECT_GT(graphs.size(), 1000U);
  // Tables 3, 4, 5 (a test at 320x320), 6 (5,000 classes), 7, and Figure 7.
  for (const char* summary :
       {"32x128x56x56 bf16, 128x4x3x3", "32x256x56x56 bf16, 256x4x3x3", "32x8x320x320",
        "1x32x2048 bf16, 1x2048x5000", "16x4096x8x8 bf16, 4096x256x3x3", "16x384x32x32"}) {
    EXPECT_TRUE(has_graph(graphs, summary)) << summary;
  }
  return graphs;
}

TEST(PaperGraphsTest, HavePlansOfAtMost128MibOnA100) {
  expect_plans(paper_graphs(), real_planner("a100"), 128 * kMiB);
}

TEST(PaperGraphsTest, HavePlansOfAtMost128MibOnH100) {
  expect_plans(paper_graphs(), real_planner("h100"), 128 * kMiB);
}

TEST(PaperGraphsTest, HavePlansInFp32) {
  const auto programs = programs_of({"resnext50_32x4d", "resnext29_8x64d_cifar"}, DataType::kFloat);
  expect_plans(distinct_graphs(programs), real_planner("a100", Precision::kFp32), 256 * kMiB);
}

TEST(PaperGraphsTest, HavePlansInTf32) {
  const auto programs = programs_of({"resnext101_64x4d", "wrn28_10_cifar"}, DataType::kFloat);
  expect_plans(distinct_graphs(programs), real_planner("h100", Precision::kTf32), 256 * kMiB);
}

}  // namespace
}  // namespace resnext::net::cuda
