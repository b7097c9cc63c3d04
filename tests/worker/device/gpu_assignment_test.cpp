#include "worker/device/gpu_assignment.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/program.h"

namespace resnext::worker {
namespace {

using net::Precision;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr GpuRequest kAuto{false, Precision::kFp32}, kCuda{true, Precision::kFp32};

net::Gpu h100(int slot) {
  return {"NVIDIA H100", 90, std::size_t{80} << 30, fmt::format("0000:{}b:00.0", slot)};
}
net::Gpu old(const std::string& name, int capability) {
  return {name, capability, std::size_t{16} << 30, "0000:af:00.0"};
}

RankView sees(int node, std::vector<net::Gpu> gpus) {
  return {node, fmt::format("n{:02}", node), std::move(gpus), "", true};
}
RankView sees_none(int node, const std::string& why, bool expected = true) {
  return {node, fmt::format("n{:02}", node), {}, why, expected};
}

std::string refusal(const GpuRequest& request, const std::vector<RankView>& ranks) {
  try {
    assign_gpus(request, ranks);
  } catch (const cli::UsageError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(GpuAssignment, RanksOfAHostTakeItsGpusInOrder) {
  const std::vector<net::Gpu> four{h100(1), h100(2), h100(3), h100(4)};
  // Ranks go round the hosts, and one host has GPUs to spare.
  const std::vector<RankView> ranks{sees(0, four), sees(1, four), sees(0, four), sees(1, four),
                                    sees(0, four)};
  const GpuAssignment assignment = assign_gpus(kAuto, ranks);
  EXPECT_THAT(assignment.gpus, ElementsAre(0, 0, 1, 1, 2));
  EXPECT_THAT(assignment.notes, IsEmpty());
}

// As Slurm does with --gpus-per-task: each has one GPU, and calls it the first.
TEST(GpuAssignment, ARankMaySeeItsOwnGpuOnly) {
  EXPECT_THAT(assign_gpus(kCuda, std::vector{sees(0, {h100(1)}), sees(0, {h100(2)})}).gpus,
              ElementsAre(0, 0));
  EXPECT_THAT(
      assign_gpus(kCuda, std::vector{sees(0, {h100(1), h100(2)}), sees(0, {h100(3), h100(4)})})
          .gpus,
      ElementsAre(0, 0));
}

// The same bus is another GPU on another host.
TEST(GpuAssignment, HostsDoNotShareBuses) {
  EXPECT_THAT(assign_gpus(kCuda, std::vector{sees(0, {h100(1)}), sees(1, {h100(1)})}).gpus,
              ElementsAre(0, 0));
}

TEST(GpuAssignment, RefusesMoreRanksThanGpus) {
  const std::vector<net::Gpu> two{h100(1), h100(2)};
  const std::vector<RankView> ranks{sees(1, two), sees(0, two), sees(0, two), sees(0, two)};
  for (const GpuRequest& request : {kAuto, kCuda}) {
    EXPECT_EQ(refusal(request, ranks),
              "--device: 3 ranks on host n00, but 2 GPUs: ranks 1 and 3 would share GPU "
              "0000:1b:00.0; start one rank per GPU (mpirun -np 4 …), or use --device cpu");
  }
}

TEST(GpuAssignment, RefusesTwoRanksThatWereGivenOneGpu) {
  EXPECT_EQ(refusal(kCuda, {sees(0, {h100(1)}), sees(0, {h100(3)}), sees(0, {h100(3)})}),
            "--device: 3 ranks on host n00, but 2 GPUs: ranks 1 and 2 would share GPU "
            "0000:3b:00.0; start one rank per GPU (mpirun -np 2 …), or use --device cpu");
}

TEST(GpuAssignment, WithoutAnyGpuSaysWhy) {
  const std::vector<RankView> ranks{sees_none(0, "no driver"), sees_none(0, "no driver")};
  const GpuAssignment assignment = assign_gpus(kAuto, ranks);
  EXPECT_THAT(assignment.gpus, IsEmpty());
  EXPECT_EQ(assignment.why_cpu, "no driver");
  EXPECT_TRUE(assignment.cpu_is_a_surprise);
  EXPECT_EQ(refusal(kCuda, ranks), "--device cuda: no driver");
}

TEST(GpuAssignment, NobodyIsSurprisedWhereNothingIsInstalled) {
  const std::vector<RankView> ranks{sees_none(0, "no library", false)};
  EXPECT_FALSE(assign_gpus(kAuto, ranks).cpu_is_a_surprise);
}

TEST(GpuAssignment, WhereOneRankHasNoneAllUseTheCpu) {
  const std::vector<RankView> ranks{sees(0, {h100(1)}), sees(0, {h100(2)}),
                                    sees_none(1, "no driver"), sees_none(1, "no driver")};
  const GpuAssignment assignment = assign_gpus(kAuto, ranks);
  EXPECT_THAT(assignment.gpus, IsEmpty());
  EXPECT_EQ(assignment.why_cpu, "rank 2 on host n01 has no GPU to use: no driver");
  EXPECT_TRUE(assignment.cpu_is_a_surprise);
  EXPECT_EQ(refusal(kCuda, ranks),
            "--device cuda: rank 2 on host n01 has no GPU to use: no driver");
}

TEST(GpuAssignment, PassesOverOldGpus) {
  const net::Gpu volta = old("Tesla V100", 70);
  EXPECT_THAT(assign_gpus(kCuda, std::vector{sees(0, {volta, h100(1)})}).gpus, ElementsAre(1));
  EXPECT_EQ(refusal(kCuda, {sees(0, {volta})}),
            "--device cuda: GPU 0 (Tesla V100) has compute capability 7.0; 7.5 is the least");
}

TEST(GpuAssignment, ReducedPrecisionNeedsNewerGpus) {
  const std::vector<RankView> turing{sees(0, {old("Tesla T4", 75)})};
  EXPECT_EQ(refusal(kCuda, turing), "accepted");
  EXPECT_EQ(
      refusal({true, Precision::kBf16}, turing),
      "--device cuda: GPU 0 (Tesla T4) has compute capability 7.5; 8.0 is the least for bf16");
  EXPECT_EQ(
      refusal({true, Precision::kTf32}, turing),
      "--device cuda: GPU 0 (Tesla T4) has compute capability 7.5; 8.0 is the least for tf32");
  EXPECT_EQ(refusal({true, Precision::kBf16}, {sees(0, {old("NVIDIA A100", 80)})}), "accepted");
}

TEST(GpuAssignment, NamesMixedModels) {
  const net::Gpu a100{"NVIDIA A100", 80, std::size_t{40} << 30, "0000:3b:00.0"};
  const GpuAssignment assignment = assign_gpus(
      kAuto,
      std::vector{sees(0, {h100(1), h100(2)}), sees(0, {h100(1), h100(2)}), sees(1, {a100})});
  EXPECT_THAT(assignment.gpus, ElementsAre(0, 1, 0));
  ASSERT_EQ(assignment.notes.size(), 1U);
  EXPECT_THAT(assignment.notes[0],
              ::testing::HasSubstr("several models (1 x NVIDIA A100, 2 x NVIDIA H100)"));
}

}  // namespace
}  // namespace resnext::worker
