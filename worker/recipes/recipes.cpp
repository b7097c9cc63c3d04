#include "worker/recipes/recipes.h"

#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/nearest_name.h"
#include "cli/program.h"

namespace resnext::worker {

std::string_view recipe_summary(const Recipe& recipe) {
  const std::string_view line = recipe.text.substr(0, recipe.text.find('\n'));
  return line.substr(line.find_first_not_of("# "));
}

const Recipe& find_recipe(std::string_view name, std::string_view option) {
  std::vector<std::string> names;
  for (const Recipe& recipe : recipes()) {
    if (recipe.name == name) return recipe;
    names.emplace_back(recipe.name);
  }
  throw cli::UsageError(fmt::format("--{}: unknown recipe '{}'{} (one of: {})", option, name,
                                    cli::did_you_mean(name, names), fmt::join(names, ", ")));
}

}  // namespace resnext::worker
