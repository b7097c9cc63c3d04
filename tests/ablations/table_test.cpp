#include "ablations/table.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ablations/dataset.h"
#include "cli/program.h"
#include "tests/ablations/scratch_folder.h"
#include "tests/ablations/small_table.h"

namespace resnext::ablations {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Pair;

class TableFile : public testing::Test {
 protected:
  Table read(const std::string& text) const {
    return read_table(folder_.write("small.toml", text));
  }

  /// The small table with `from` replaced must be refused with a message that ends so.
  void expect_refused(const std::string& from, const std::string& to, const std::string& message) {
    std::string text = kSmallTable;
    const auto at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    try {
      read(text);
      FAIL() << "not refused: " << to;
    } catch (const cli::UsageError& error) {
      EXPECT_EQ(std::string(error.what()), folder_.path("small.toml") + ":" + message);
    }
  }

  ScratchFolder folder_;
};

TEST_F(TableFile, HasAllThatItSays) {
  const Table table = read(kSmallTable);
  EXPECT_EQ(table.name, "small");
  EXPECT_EQ(table.rows.size(), 3u);
  const Row& two = table.row("two");
  EXPECT_EQ(two.baseline, "one");
  EXPECT_THAT(two.options, ElementsAre(Pair("learning-rate", "0.1"), Pair("nesterov", "off")));
  EXPECT_THAT(two.paper, ElementsAre(Pair("top1", 23.0)));
  EXPECT_EQ(table.scale("proxy").seeds, 2);
  EXPECT_EQ(table.scale("paper").recipe, "preset");
  EXPECT_EQ(table.columns[1].evaluate.at("proxy").at("test-crop"), "40");
  EXPECT_EQ(table.claims.front().column, "top1");
}

TEST_F(TableFile, ErrorsSayLineAndColumn) {
  expect_refused("title = \"Small\"", "title = Small",
                 "1:9: Error while parsing value: could not "
                 "determine value type");
  expect_refused("[[rows]]\nname = \"two\"", "[[rows]]\nnmae = \"two\"",
                 "23:1: unknown key 'nmae'; did you mean 'name'?");
  expect_refused("baseline = \"one\"", "baseline = \"on\"",
                 "4:1: there is no row 'on'; did you mean 'one'?");
  expect_refused("seeds = 2", "seeds = 0",
                 "45:1: 'seeds' must be a whole number from 1 to "
                 "100000000");
  expect_refused("paper = { top1 = 23.0 }", "paper = { top2 = 23.0 }",
                 "26:11: there is no column 'top2'; did you mean 'top1'?");
  expect_refused("proxy = \"resnext11", "proxi = \"resnext11",
                 "24:38: there is no scale 'proxi'; did you mean 'proxy'?");
  expect_refused("worse = \"one\"", "worse = \"none\"",
                 "35:1: there is no row 'none'; did you mean 'one'?");
  expect_refused("metric = \"validation_top1_error\"", "metric = 1",
                 "9:1: 'metric' must be a text in quotes");
  expect_refused("name = \"two\"", "name = \"one\"", "17:3: two [[rows]] are named 'one'");
  expect_refused("options = { epochs = 3 }", "options = { seed = 3 }",
                 "46:13: 'seed' is not for options: the sweep gives it");
}

TEST_F(TableFile, WhatIsMissingIsNamed) {
  expect_refused("title = \"Small\"\n", "", "1:1: there is no 'title' here, and it is needed");
  expect_refused("paper_scale = \"ImageNet\"\n", "",
                 "19:1: the table does not say on what that was measured: give it a paper_scale");
  EXPECT_THROW(read_table(folder_.path("none.toml")), cli::UsageError);
  const Table table = read(kSmallTable);
  EXPECT_THROW(table.row("three"), cli::UsageError);
  EXPECT_THROW(table.scale("smoke"), cli::UsageError);
}

TEST(ProjectTables, AreAllRead) {
  const std::filesystem::path folder = std::string(RESNEXT_SOURCE_DIR) + "/ablations";
  const auto datasets = read_datasets(folder / "datasets.toml");
  int tables = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".toml" || entry.path().stem() == "datasets") continue;
    const Table table = read_table(entry.path());
    ++tables;
    for (const char* scale : {"paper", "proxy", "smoke"}) {
      for (const auto& [role, set] : table.scale(scale).data) {
        EXPECT_TRUE(datasets.contains(set)) << table.name << ": " << set;
      }
      EXPECT_TRUE(table.row(table.rows.front().baseline).model.contains(scale)) << table.name;
    }
    EXPECT_FALSE(table.scale("proxy").holds.empty()) << table.name;
    EXPECT_TRUE(table.scale("smoke").holds.empty()) << "smoke is no evidence: " << table.name;
    EXPECT_TRUE(std::filesystem::exists(folder / ("run_" + table.name + ".sh")));
  }
  EXPECT_EQ(tables, 9);
}

}  // namespace
}  // namespace resnext::ablations
