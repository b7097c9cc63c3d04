#include "ablations/summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ablations/markdown.h"
#include "ablations/table_file.h"
#include "data/hdf5.h"
#include "tests/ablations/small_plan.h"

namespace resnext::ablations {
namespace {

using testing::HasSubstr;
using testing::Not;

RunOutcome finished(double top1) {
  RunOutcome outcome;
  outcome.state = RunState::kFinished;
  outcome.values = {{"top1", top1}, {"large", top1 - 1}};
  return outcome;
}

RunOutcome failed() {
  RunOutcome outcome;
  outcome.state = RunState::kFailed;
  outcome.error = "out of memory";
  return outcome;
}

class Summary : public testing::Test {
 protected:
  /// Of one seed 1, two seed 1, one seed 2, two seed 2.
  TableSummary of(const std::vector<RunOutcome>& outcomes) const {
    return summarise(plan_, outcomes);
  }

  ScratchFolder folder_;
  Plan plan_ = small_plan(folder_);
};

TEST_F(Summary, MeansAndPairsBySeed) {
  const TableSummary summary = of({finished(10), finished(8), finished(11), finished(9.5)});
  EXPECT_TRUE(summary.complete);
  EXPECT_EQ(summary.missing(), "");
  const Cell& two = summary.rows[1].cells.at("top1");
  EXPECT_EQ(two.mean.n, 2);
  EXPECT_EQ(two.mean.mean, 8.75);
  ASSERT_TRUE(two.against_baseline);
  EXPECT_EQ(two.against_baseline->difference, -1.75);
  EXPECT_FALSE(summary.rows[0].cells.at("top1").against_baseline) << "it is the baseline";
  EXPECT_EQ(summary.rows[1].cells.at("large").mean.mean, 7.75);
}

TEST_F(Summary, SeedsWithoutAPartnerDoNotCount) {
  const TableSummary summary = of({finished(10), finished(8), failed(), finished(9)});
  EXPECT_FALSE(summary.rows[1].cells.at("top1").against_baseline);
  EXPECT_EQ(summary.rows[1].cells.at("top1").mean.n, 2);
  EXPECT_EQ(summary.missing(), "1 of 4 runs missing: one seed 2 (failed)");
}

TEST_F(Summary, ClaimsAreJudgedByTheTest) {
  const auto verdict = [&](double a, double b) {
    return of({finished(10), finished(10 + a), finished(11), finished(11 + b)})
        .verdicts.front()
        .verdict;
  };
  EXPECT_EQ(verdict(-2, -2.01), "confirmed");
  EXPECT_EQ(verdict(2, 2.01), "contradicted");
  EXPECT_EQ(verdict(-2, 1), "too noisy to tell");
  EXPECT_EQ(of({failed(), failed(), failed(), failed()}).verdicts.front().verdict, "not measured");
}

TEST_F(Summary, ClaimsOnRowsOfOtherScalesAreLeftOut) {
  plan_.table.claims.front().worse = "paper-only";
  EXPECT_TRUE(of({finished(10), finished(8), finished(11), finished(9)}).verdicts.empty());
}

TEST_F(Summary, MarkdownKeepsScalesApart) {
  const std::string text =
      markdown(plan_, of({finished(10), finished(8), finished(11), finished(9.5)}));
  EXPECT_THAT(text, HasSubstr("| top-1 error (%), **proxy scale** | n | against baseline | top-1 "
                              "error (%), paper (ImageNet) |"));
  EXPECT_THAT(text, HasSubstr("| one | `resnet11_cifar_w16` | 0.1 k | 5.0 k | 10.50 ± 0.50 | 2 |  "
                              "| 23.9 | 9.50 ± 0.50 | 2 |  |  |"));
  EXPECT_THAT(text, HasSubstr("0.1 k (+10.0%)"));
  EXPECT_THAT(text, HasSubstr("-1.75, p = 0.090"));
  EXPECT_THAT(text, HasSubstr("Said beforehand: p < 0.05\n\n- Two is better: "));
  EXPECT_THAT(text, Not(HasSubstr("incomplete")));
}

TEST_F(Summary, MarkdownOfATableThatIsNotOfThePaper) {
  plan_.table.paper = plan_.table.paper_scale = "";
  const std::string text =
      markdown(plan_, of({finished(0.31), finished(0.32), finished(0.314), finished(0.318)}));
  EXPECT_THAT(text, HasSubstr("# Small\n\nMeasured at scale **proxy**: small."));
  EXPECT_THAT(text, HasSubstr("## Does what was expected hold?"));
  EXPECT_THAT(text, HasSubstr("| one | `resnet11_cifar_w16` | 0.1 k | 5.0 k | 0.312 ± 0.002 | 2 |  "
                              "| -0.688 ± 0.002 | 2 |  |\n"));
  EXPECT_THAT(text, Not(HasSubstr("paper")));
}

TEST_F(Summary, MarkdownSaysWhatIsMissingAndWhy) {
  const std::string text = markdown(plan_, of({finished(10), failed(), RunOutcome{}, failed()}));
  EXPECT_THAT(text, HasSubstr("**This table is incomplete**: 3 of 4 runs missing: two seed 1 "
                              "(failed), one seed 2 (waiting), two seed 2 (failed)."));
  EXPECT_THAT(text, HasSubstr("- two seed 1 failed: out of memory"));
  EXPECT_THAT(text, HasSubstr("Of the runs so far, which are not all:\n\n- Two is better: "));
  EXPECT_THAT(text, HasSubstr("(+10.0%) | 5.0 k (+0.0%) | missing | 0 |"));
}

TEST_F(Summary, TableFileHasTheSameNumbers) {
  const std::string path = folder_.path("small.h5");
  write_table_file(path, plan_, of({finished(10), finished(8), finished(11), failed()}),
                   {{"host", "here"}});
  const auto file = data::hdf5::File::open(path);
  EXPECT_EQ(file.string_attribute("/", "scale"), "proxy");
  EXPECT_EQ(std::get<bool>(file.attribute("/", "complete")), false);
  EXPECT_EQ(file.read<double>("/rows/one/top1/values"), (std::vector<double>{10, 11}));
  EXPECT_EQ(file.read<std::int64_t>("/rows/two/top1/seeds"), (std::vector<std::int64_t>{1}));
  EXPECT_EQ(std::get<double>(file.attribute("/rows/one/top1", "mean")), 10.5);
  EXPECT_EQ(std::get<double>(file.attribute("/rows/one/top1", "paper")), 23.9);
  EXPECT_FALSE(file.has_attribute("/rows/one/large", "paper"));
  EXPECT_EQ(file.string_attribute("/runs/two seed 2", "error"), "out of memory");
  EXPECT_EQ(file.string_attribute("/environment", "host"), "here");
}

}  // namespace
}  // namespace resnext::ablations
