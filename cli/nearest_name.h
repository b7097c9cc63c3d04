#pragma once
// Suggests the valid name nearest to a mistyped one, for one-line error messages.

#include <span>
#include <string>
#include <string_view>

namespace resnext::cli {

/// Number of single-character insertions, deletions, substitutions and adjacent swaps that turn `a`
/// into `b` (optimal string alignment distance).
int edit_distance(std::string_view a, std::string_view b);

/// The candidate with the smallest edit distance to `name` (the first of equals). Empty when there
/// is no candidate, or none is closer than about half of the name's length.
std::string nearest_name(std::string_view name, std::span<const std::string> candidates);

/// `"; did you mean 'x'?"` for the nearest candidate, or an empty string.
std::string did_you_mean(std::string_view name, std::span<const std::string> candidates);

}  // namespace resnext::cli
