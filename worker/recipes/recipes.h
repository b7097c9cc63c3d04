#pragma once
// The presets that --recipe names: the files of worker/recipes, embedded when the program is built,
// so that an installed one needs none of them.

#include <span>
#include <string>
#include <string_view>

namespace resnext::worker {

/// One preset: an INI file of the worker's options.
struct Recipe {
  std::string_view name;  ///< the file's, without ".ini"
  std::string_view text;  ///< the whole file
};

/// All of them, in the order of the documentation.
std::span<const Recipe> recipes();

/// What the recipe is, in a line: the file's first comment.
std::string_view recipe_summary(const Recipe& recipe);

/// The recipe of that name. Throws cli::UsageError that begins with "--OPTION: " and names the
/// nearest.
const Recipe& find_recipe(std::string_view name, std::string_view option);

}  // namespace resnext::worker
