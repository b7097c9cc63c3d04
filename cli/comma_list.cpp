#include "cli/comma_list.h"

#include <cmath>
#include <limits>
#include <sstream>
#include <stdexcept>

#include <fmt/format.h>

#include "cli/program.h"

namespace resnext::cli {

std::vector<std::string> split_at_commas(const std::string& text) {
  std::vector<std::string> items;
  std::stringstream stream(text);
  for (std::string item; std::getline(stream, item, ',');) items.push_back(item);
  return items;
}

std::vector<double> parse_numbers(const std::string& option, const std::string& text) {
  std::vector<double> values;
  for (const std::string& item : split_at_commas(text)) {
    std::size_t used = 0;
    double value = 0;
    try {
      value = std::stod(item, &used);
    } catch (const std::logic_error&) {
      used = 0;
    }
    if (used == 0 || used != item.size()) {
      throw UsageError(fmt::format("--{}: '{}' in '{}' is no number", option, item, text));
    }
    values.push_back(value);
  }
  return values;
}

std::vector<int> parse_positive_integers(const std::string& option, const std::string& text) {
  std::vector<int> values;
  for (const double value : parse_numbers(option, text)) {
    if (!(value >= 1 && value <= std::numeric_limits<int>::max()) || value != std::floor(value)) {
      throw UsageError(
          fmt::format("--{}: '{}' holds what is no whole number above 0", option, text));
    }
    values.push_back(static_cast<int>(value));
  }
  return values;
}

}  // namespace resnext::cli
