#include "ablations/slots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/program.h"

namespace resnext::ablations {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const std::vector<std::vector<int>> kCores{{0, 4}, {1, 5}, {2, 6}, {3, 7}};

TEST(Slots, ShareCoresWithAllTheirThreads) {
  const auto slots = share_machine(2, kCores, 0);
  ASSERT_EQ(slots.size(), 2u);
  EXPECT_THAT(slots[0].cpus, ElementsAre(0, 4, 1, 5));
  EXPECT_THAT(slots[1].cpus, ElementsAre(2, 6, 3, 7));
}

TEST(Slots, UnevenSharesLeaveNothing) {
  const auto slots = share_machine(3, kCores, 0);
  ASSERT_EQ(slots.size(), 3u);
  EXPECT_THAT(slots[0].cpus, ElementsAre(0, 4));
  EXPECT_THAT(slots[1].cpus, ElementsAre(1, 5));
  EXPECT_THAT(slots[2].cpus, ElementsAre(2, 6, 3, 7));
}

TEST(Slots, OneRunHasTheMachine) {
  EXPECT_THAT(share_machine(1, kCores, 2).front().cpus, IsEmpty());
  EXPECT_THAT(share_machine(1, kCores, 2).front().environment, IsEmpty());
}

TEST(Slots, GpusAreDisjoint) {
  unsetenv("CUDA_VISIBLE_DEVICES");
  const auto slots = share_machine(2, kCores, 4);
  EXPECT_EQ(slots[0].environment.at("CUDA_VISIBLE_DEVICES"), "0,1");
  EXPECT_EQ(slots[1].environment.at("CUDA_VISIBLE_DEVICES"), "2,3");
}

TEST(Slots, MoreRunsThanCoresOrHostsAreRefused) {
  EXPECT_THROW(share_machine(5, kCores, 0), cli::UsageError);
  EXPECT_THROW(share_machine(2, kCores, 1), cli::UsageError);
  EXPECT_THROW(share_hosts(3, "a,b"), cli::UsageError);
}

TEST(Slots, Hosts) {
  const auto slots = share_hosts(2, "a:16,b:16,c:8");
  EXPECT_THAT(slots[0].launch_options, ElementsAre("--hosts", "a:16"));
  EXPECT_THAT(slots[1].launch_options, ElementsAre("--hosts", "b:16,c:8"));
}

}  // namespace
}  // namespace resnext::ablations
