#include "data/class_names.h"

#include <fstream>
#include <set>
#include <stdexcept>

#include <fmt/format.h>

namespace resnext::data {

std::vector<std::string> read_class_names_file(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error(path + ": cannot be read");
  std::vector<std::string> names;
  std::set<std::string> seen;
  for (std::string line; std::getline(file, line);) {
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty()) continue;
    if (!seen.insert(line).second)
      throw std::runtime_error(fmt::format("{}: the class '{}' is there twice", path, line));
    names.push_back(line);
  }
  if (names.empty()) throw std::runtime_error(path + ": no class names");
  return names;
}

}  // namespace resnext::data
