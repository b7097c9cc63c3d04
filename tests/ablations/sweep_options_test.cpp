#include "ablations/sweep_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/program.h"

namespace resnext::ablations {
namespace {

using testing::ElementsAre;

std::string refusal(const std::vector<std::string>& arguments) {
  try {
    parse_sweep_options(arguments);
  } catch (const cli::UsageError& error) {
    return error.what();
  }
  return "not refused";
}

TEST(SweepOptions, Defaults) {
  const auto options = parse_sweep_options({"table3", "--scale", "smoke"});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->table, "table3");
  EXPECT_EQ(options->folder, "results/smoke");
  EXPECT_EQ(options->jobs, 1);
  EXPECT_FALSE(options->slurm);
}

TEST(SweepOptions, RowsAndSlurm) {
  const auto options = parse_sweep_options(
      {"table3", "--scale", "smoke", "--rows", "a,b", "--slurm=--time=1:00:00"});
  ASSERT_TRUE(options);
  EXPECT_THAT(options->rows, ElementsAre("a", "b"));
  EXPECT_EQ(options->slurm.value_or(""), "--time=1:00:00");
  EXPECT_TRUE(parse_sweep_options({"table3", "--scale", "smoke", "--slurm"})->slurm);
}

TEST(SweepOptions, WhatCannotBeIsNamed) {
  EXPECT_EQ(refusal({"--scale", "smoke"}), "no TABLE given; --help shows the usage");
  EXPECT_EQ(refusal({"table3"}), "--scale: give paper, gpu-proxy, proxy or smoke");
  EXPECT_EQ(refusal({"table3", "--scale", "smoke", "--seeds", "0"}), "--seeds: must be 1 or more");
  EXPECT_EQ(refusal({"table3", "--scale", "smoke", "--jobs", "0"}), "--jobs: must be 1 or more");
  EXPECT_EQ(refusal({"table3", "--scale", "smoke", "--dry-run", "--status"}),
            "--dry-run, --status and --report: give one of them");
  EXPECT_EQ(refusal({"table3", "--scale", "smoke", "--slurm", "--hosts", "a:8"}),
            "--slurm and --hosts: give one of them");
  EXPECT_EQ(refusal({"table3", "--scale", "smoke", "--device", "cpu", "--gpu-kind", "h100"}),
            "--gpu-kind: plans for GPUs, and --device is cpu; leave out one of them");
  EXPECT_EQ(refusal({"table3", "--scale", "smoke", "--devise", "cpu"}),
            "unknown option '--devise'; did you mean '--device'?");
}

TEST(SweepOptions, PathsBySet) {
  const std::vector<std::string> values{"/all", "cifar100=/hundred"};
  EXPECT_EQ(path_for("cifar100", values), "/hundred");
  EXPECT_EQ(path_for("cifar10", values), "/all");
  EXPECT_EQ(path_for("cifar10", {}), "");
}

}  // namespace
}  // namespace resnext::ablations
