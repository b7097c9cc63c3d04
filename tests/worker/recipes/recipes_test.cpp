#include "worker/recipes/recipes.h"

#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/program.h"
#include "tests/worker/small_training.h"
#include "worker/options.h"

namespace resnext::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Options parse(const std::vector<std::string>& arguments) {
  return parse_options(arguments).options;
}

Options recipe(const std::string& name) {
  return parse({"--data", "shards", "--recipe", name});
}

std::string text_of(const std::string& path) {
  std::ifstream file(RESNEXT_SOURCE_DIR "/" + path);
  EXPECT_TRUE(file) << path;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string help() {
  return parse_options({"--help"}).information.value().text;
}

TEST(Recipes, AreTheFilesWordForWord) {
  ASSERT_FALSE(recipes().empty());
  for (const Recipe& recipe : recipes()) {
    const std::string name(recipe.name);
    EXPECT_EQ(recipe.text, text_of("worker/recipes/" + name + ".ini"));
    EXPECT_EQ(parse_options({"--print-recipe", name}).information.value().text, recipe.text);
  }
}

TEST(Recipes, EachIsValidAndInHelp) {
  for (const Recipe& recipe : recipes()) {
    const Options o = parse({"--recipe", std::string(recipe.name)});
    EXPECT_EQ(o.recipe, recipe.name);
    EXPECT_FALSE(o.augment.empty());
    const std::string_view summary = recipe_summary(recipe);
    EXPECT_GT(summary.size(), 20U);
    EXPECT_NE(summary.front(), '#');
    EXPECT_THAT(help(), HasSubstr(std::string(recipe.name)));
    EXPECT_THAT(help(), HasSubstr(std::string(summary)));
  }
}

void expect_the_papers_sgd(const Options& o) {
  EXPECT_EQ(o.replicas, 8);
  EXPECT_EQ(o.schedule.name, "step");
  EXPECT_DOUBLE_EQ(o.schedule.learning_rate, 0.1);
  EXPECT_DOUBLE_EQ(o.schedule.decay, 0.1);
  EXPECT_FLOAT_EQ(o.sgd.momentum, 0.9F);
  EXPECT_TRUE(o.sgd.nesterov);
}

TEST(Recipes, ImageNet) {
  for (const char* name : {"imagenet-paper", "imagenet-released", "imagenet5k"}) {
    const Options o = recipe(name);
    expect_the_papers_sgd(o);
    EXPECT_EQ(o.batch_per_replica, 32);
    EXPECT_FLOAT_EQ(o.sgd.weight_decay, 1e-4F);
    EXPECT_THAT(o.schedule.milestones, ElementsAre(30, 60, 90));
    EXPECT_EQ(o.epoch_steps, std::string(name) == "imagenet5k" ? 5005U : 0U);
    const bool released = std::string(name) == "imagenet-released";
    EXPECT_DOUBLE_EQ(o.epochs, released ? 100 : 95);
    EXPECT_EQ(o.augment, released ? "imagenet-colour" : "imagenet");
  }
}

TEST(Recipes, Cifar) {
  for (const char* name : {"cifar", "cifar-released"}) {
    const Options o = recipe(name);
    expect_the_papers_sgd(o);
    EXPECT_EQ(o.batch_per_replica, 16);
    EXPECT_FLOAT_EQ(o.sgd.weight_decay, 5e-4F);
    EXPECT_DOUBLE_EQ(o.epochs, 300);
    EXPECT_EQ(o.augment, "cifar");
  }
  EXPECT_THAT(recipe("cifar").schedule.milestones, ElementsAre(150, 225));
  EXPECT_THAT(recipe("cifar-released").schedule.milestones, ElementsAre(147, 222));
}

TEST(Recipes, GiveWayToTheFileAndTheFileToTheCommandLine) {
  const TemporaryFolder folder;
  std::ofstream(folder / "run.ini") << "recipe = cifar\nepochs = 20\nreplicas = 4\n";
  const Options o = parse({"--config", folder / "run.ini", "--replicas", "2"});
  EXPECT_EQ(o.replicas, 2);
  EXPECT_DOUBLE_EQ(o.epochs, 20);
  EXPECT_EQ(o.batch_per_replica, 16);
  EXPECT_FLOAT_EQ(o.sgd.weight_decay, 5e-4F);
  EXPECT_EQ(o.threads, 1);
  EXPECT_EQ(parse({"--config", folder / "run.ini", "--recipe", "imagenet5k"}).epoch_steps, 5005U);
}

TEST(Recipes, EpochsOfARecipeGiveWayToSteps) {
  const Options o = parse({"--recipe", "cifar", "--steps", "20"});
  EXPECT_EQ(o.steps, 20U);
  EXPECT_EQ(o.batch_per_replica, 16);
  EXPECT_THROW(parse({"--recipe", "cifar", "--steps", "20", "--epochs", "1"}), cli::UsageError);
}

TEST(Recipes, UnknownOnesNameTheNearest) {
  for (const std::string option : {"recipe", "print-recipe"}) {
    try {
      parse({"--" + option, "imagenet-papr"});
      FAIL() << "accepted";
    } catch (const cli::UsageError& error) {
      EXPECT_THAT(error.what(), HasSubstr("--" + option + ": unknown recipe 'imagenet-papr'"));
      EXPECT_THAT(error.what(), HasSubstr("did you mean 'imagenet-paper'?"));
    }
  }
}

// worker/README.md is kept true by this: every recipe, and every option that --help has under
// "Recipe" and "What later recipes add".
TEST(Recipes, TheReadmeNamesEachRecipeAndItsOptions) {
  const std::string readme = text_of("worker/README.md"), text = help();
  for (const Recipe& recipe : recipes()) {
    EXPECT_THAT(readme, HasSubstr("| `" + std::string(recipe.name) + "` |"));
  }
  const std::size_t end = text.find("\n\n", text.find("\nWhat later recipes add"));
  const std::string group = text.substr(text.find("\nRecipe:"), end - text.find("\nRecipe:"));
  std::istringstream lines(group);
  int options = 0;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t start = line.find("  --");
    if (start != 0) continue;
    const std::string option = line.substr(2, line.find(' ', 2) - 2);
    EXPECT_THAT(readme, HasSubstr("`" + option)) << option;
    ++options;
  }
  EXPECT_GE(options, 19);
  EXPECT_THAT(readme, HasSubstr("`--init-skip"));
}

}  // namespace
}  // namespace resnext::worker
