#include "ablations/plan.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ablations/cost.h"
#include "ablations/plan_costs.h"
#include "cli/program.h"
#include "tests/ablations/small_plan.h"

namespace resnext::ablations {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

class SmallPlan : public testing::Test {
 protected:
  ScratchFolder folder_;
  Plan plan_ = small_plan(folder_);
};

TEST_F(SmallPlan, HasEveryRowAndSeedOfTheScale) {
  std::vector<std::string> names;
  for (const PlannedRun& run : plan_.runs) names.push_back(run.name());
  EXPECT_THAT(names, ElementsAre("one seed 1", "two seed 1", "one seed 2", "two seed 2"));
  EXPECT_EQ(plan_.rows.size(), 2u) << "paper-only has no network at this scale";
}

TEST_F(SmallPlan, RowGoesBeforeDataBeforeScaleBeforePreset) {
  const PlannedRun& two = plan_.runs[1];
  EXPECT_THAT(two.options, ElementsAre(Pair("epochs", "3"), Pair("learning-rate", "0.1"),
                                       Pair("mean", "0.5"), Pair("nesterov", "off")));
  EXPECT_EQ(two.length.steps, 9u);
}

TEST_F(SmallPlan, FoldersTellRunsApart) {
  std::set<std::string> folders;
  for (const PlannedRun& run : plan_.runs) folders.insert(run.folder);
  EXPECT_EQ(folders.size(), 4u);
  EXPECT_EQ(small_plan(folder_).runs[0].folder, plan_.runs[0].folder);
  PlanRequest changed = small_request(folder_);
  changed.shards[""].training_identity = "cc";
  const Plan other = make_plan(changed, small_programs(folder_));
  for (const PlannedRun& run : other.runs) EXPECT_FALSE(folders.contains(run.folder));
}

TEST_F(SmallPlan, CommandLines) {
  const auto lines = command_lines(plan_, plan_.runs[0], {"launch", "--"});
  ASSERT_EQ(lines.size(), 2u);
  const std::string& folder = plan_.runs[0].folder;
  EXPECT_THAT(lines[0],
              ElementsAre("launch", "--", "--model", "resnet11_cifar_w16", "--seed", "1",
                          "--epochs", "3", "--mean", "0.5", "--data", "/shards/train", "--val-data",
                          "/shards/test", "--scale", "proxy", "--out", folder + "/run.h5",
                          "--checkpoint-dir", folder + "/checkpoints", "--log-every", "2"));
  EXPECT_THAT(lines[1], ElementsAre("launch", "--", "--eval-only", "--model", "resnet11_cifar_w16",
                                    "--val-data", "/shards/test", "--checkpoint-dir",
                                    folder + "/checkpoints", "--mean", "0.5", "--test-crop", "40",
                                    "--scale", "proxy", "--out", folder + "/evaluation-large.h5"));
}

TEST_F(SmallPlan, ModelThatIsNotThereNamesItsRow) {
  PlanRequest request = small_request(folder_);
  request.table.rows[0].model["proxy"] = "resnet7";
  try {
    make_plan(request, small_programs(folder_));
    FAIL();
  } catch (const cli::UsageError& error) {
    EXPECT_STREQ(error.what(), "row 'one' at scale proxy: no model resnet7");
  }
}

TEST_F(SmallPlan, OnlyRowsThatAreAskedForAndNotDone) {
  std::vector<RunOutcome> outcomes(4);
  EXPECT_EQ(runs_to_do(plan_, outcomes, {}).size(), 4u);
  EXPECT_EQ(runs_to_do(plan_, outcomes, {"two"}).size(), 2u);
  outcomes[0].state = RunState::kFinished;
  outcomes[1].state = RunState::kDiverged;
  outcomes[2].state = RunState::kFailed;
  outcomes[3].state = RunState::kPartial;
  EXPECT_THAT(runs_to_do(plan_, outcomes, {}), ElementsAre(&plan_.runs[2], &plan_.runs[3]));
  EXPECT_THROW(runs_to_do(plan_, outcomes, {"three"}), cli::UsageError);
  EXPECT_THROW(runs_to_do(plan_, outcomes, {"paper-only"}), cli::UsageError);
}

TEST_F(SmallPlan, CostAsksForEachNetworkOnce) {
  int asked = 0;
  const auto costs =
      estimate(runs_to_do(plan_, std::vector<RunOutcome>(4), {}), [&](const PlannedRun& run) {
        ++asked;
        if (run.row == "two") return Rate{0, 0, 1, "it fell over"};
        return Rate{10, 2, 2, ""};
      });
  EXPECT_EQ(asked, 2);
  EXPECT_THAT(costs.problems, ElementsAre("two: it fell over"));
  // 3 epochs of 640 images, and 3 tests of 64 at a third of the work, at 10 images/s after 2 s.
  const double seconds = 2 + (3 * 640 + 64) / 10.0;
  EXPECT_DOUBLE_EQ(costs.total_seconds(1), 2 * seconds);
  EXPECT_DOUBLE_EQ(costs.total_seconds(2), seconds);
  EXPECT_DOUBLE_EQ(costs.device_seconds(), 4 * seconds);
}

TEST_F(SmallPlan, DiskThatIsNotThere) {
  require_disk(folder_.path("new/folder"), 1000);
  try {
    require_disk(folder_.path("new"), std::uint64_t(1) << 62);
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("the sweep needs up to"));
    EXPECT_THAT(error.what(), HasSubstr("give --folder on another"));
  }
}

}  // namespace
}  // namespace resnext::ablations
