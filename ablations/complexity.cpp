#include "ablations/complexity.h"

#include <nlohmann/json.hpp>

#include "ablations/child_process.h"
#include "data/fnv1a.h"

namespace resnext::ablations {

Complexity complexity_of(const std::string& model, const Dataset& set, const Programs& programs) {
  std::vector<std::string> line{programs.info, model, "--json", "--classes",
                                std::to_string(set.classes)};
  if (!set.input.empty()) line.insert(line.end(), {"--input", set.input});
  const std::string text = capture(line);
  const auto info = nlohmann::json::parse(text);
  data::Fnv1a hash;
  hash.add(text);
  return {info.at("parameters"), info.at("multiply_adds"), hash.hex()};
}

double percent_above(std::uint64_t value, std::uint64_t baseline) {
  return 100 * (double(value) - double(baseline)) / double(baseline);
}

}  // namespace resnext::ablations
