// What the planner must not find a plan for: else the plans that it finds would mean nothing.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "net/cuda/layer_graphs.h"
#include "net/cuda/planner_process.h"
#include "net/cuda/tensor_graph_json.h"
#include "planned_graphs.h"

namespace resnext::net::cuda {
namespace {
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const ConvolutionShape kShape{
    {32, 64, 56, 56}, {64, 64, 3, 3}, {32, 64, 56, 56}, {.kernel = 3, .stride = 1, .padding = 1}};
const Dims kDims{32, 64, 56, 56};

TensorGraph norm_backward() {
  return batch_norm_backward(kDims, DataType::kBf16, {.mask = true});
}

TensorGraph pool_backward() {
  return max_pool_backward({32, 64, 112, 112}, kDims, {.kernel = 3, .stride = 2, .padding = 1},
                           DataType::kBf16);
}

/// Strides with pixels innermost.
void make_channels_first(TensorGraph& graph) {
  for (TensorDescription& tensor : graph.tensors) {
    const Dims& dims = tensor.dims;
    tensor.strides = {dims[1] * dims[2] * dims[3], dims[2] * dims[3], dims[3], 1};
  }
}

std::string why_not(const TensorGraph& graph,
                    const PlannerOptions& options = real_planner("h100")) {
  const PlannedGraph plan = plan_alone(graph, options);
  EXPECT_EQ(plan.is_supported(), plan.why_not.empty());
  return plan.why_not;
}

TEST(PlannerControlsTest, GraphsThatCudnnLacksHaveNoPlanAndSayWhy) {
  TensorGraph weights = convolution_backward_weights(kShape, DataType::kBf16);
  ASSERT_EQ(why_not(weights), "");
  weights.tensors[2].type = DataType::kFloat;  // 16-bit factors, an fp32 gradient
  EXPECT_THAT(why_not(weights), AllOf(HasSubstr("no plan for convolution_backward_weights"),
                                      HasSubstr("know no engine")));

  TensorGraph wide_mask = norm_backward();
  ASSERT_EQ(why_not(wide_mask), "");
  wide_mask.tensors[8].type = DataType::kBf16;  // as dy * relu'(y) would have it
  EXPECT_THAT(why_not(wide_mask), HasSubstr("no plan for multiply+batch_norm_backward"));

  const Dims odd{32, 60, 56, 56};
  EXPECT_THAT(why_not(batch_norm_forward(odd, DataType::kBf16, {.relu = true}, 1e-5F, 0.1F)),
              HasSubstr("know no engine"));

  TensorGraph pool = pool_backward();
  ASSERT_EQ(why_not(pool), "");
  make_channels_first(pool);
  EXPECT_THAT(why_not(pool), HasSubstr("know no engine"));
}

TEST(PlannerControlsTest, MalformedGraphsAreRefused) {
  TensorGraph smaller = convolution_forward(kShape, DataType::kBf16);
  smaller.tensors[2].dims = {32, 64, 55, 55};
  EXPECT_THAT(why_not(smaller), HasSubstr("CUDNN_STATUS_BAD_PARAM"));
}

TEST(PlannerControlsTest, WorkspaceAndPrecisionAreAskedFor) {
  // A convolution in groups of four, which A100 rearranges in workspace.
  const ConvolutionShape grouped{{16, 1024, 32, 32},
                                 {1024, 128, 3, 3},
                                 {16, 1024, 16, 16},
                                 {.kernel = 3, .stride = 2, .padding = 1}};
  const TensorGraph weights = convolution_backward_weights(grouped, DataType::kBf16);
  PlannerOptions options = real_planner("a100");
  const PlannedGraph free = plan_alone(weights, options);
  ASSERT_GT(free.workspace, std::size_t(32) << 20);
  options.workspace_limit = std::size_t(1) << 20;
  const PlannedGraph tight = plan_alone(weights, options);
  EXPECT_LE(tight.workspace, options.workspace_limit);
  EXPECT_TRUE(tight.is_supported() || tight.why_not.find("MiB of workspace") != std::string::npos);

  const TensorGraph fp32 = convolution_forward(kShape, DataType::kFloat);
  EXPECT_THAT(plan_alone(fp32, real_planner("h100", Precision::kFp32)).engine,
              AllOf(HasSubstr("engine"), Not(HasSubstr("tensor cores"))));
  EXPECT_THAT(plan_alone(fp32, real_planner("h100", Precision::kTf32)).engine,
              HasSubstr("tensor cores"));
}

TEST(PlannerControlsTest, DevicesThatCudnnDoesNotTakeAreAnError) {
  PlannerOptions options = real_planner("h100");
  json device = json::parse(options.device_json);
  device["multiProcessorCount"] = "many";
  options.device_json = device.dump();
  const std::vector<TensorGraph> graphs{norm_backward()};
  try {
    const PlannedGraphs planned = plan_graphs(graphs, options);
    FAIL() << planned.graphs.at(0).engine << planned.graphs.at(0).why_not;
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("the planner: cuDNN: "));
  }
}

/// What the planner says of pool_backward() on an H100, with a driver for `sm`.
json answer_with_driver_for(const std::string& sm) {
  const PlannerOptions options = real_planner("h100");
  const json head{{"device", json::parse(options.device_json)},
                  {"deterministic", true},
                  {"tensor_core_fp32", false},
                  {"workspace_limit", options.workspace_limit},
                  {"threads", 1}};
  const std::vector<std::string> environment{
      "LD_LIBRARY_PATH=" + (options.program.parent_path() / "planning-driver").string(),
      "RESNEXT_PLANNED_SM=" + sm};
  const ProcessResult result =
      run_process({options.program,
                   {},
                   environment,
                   head.dump() + "\n" + to_json(pool_backward()).dump() + "\n"});
  const std::string text = result.output.substr(0, result.output.size() - 1);
  return json::parse(text.substr(text.rfind('\n') + 1));
}

TEST(PlannerControlsTest, CodeForAnotherGpuIsRefused) {
  EXPECT_TRUE(answer_with_driver_for("90").contains("engine"));
  EXPECT_TRUE(answer_with_driver_for("80").contains("error"));
}

}  // namespace
}  // namespace resnext::net::cuda
