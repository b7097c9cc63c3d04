#include "ablations/fingerprint.h"

#include <set>
#include <vector>

#include <fmt/format.h>

#include "data/fnv1a.h"

namespace resnext::ablations {

nlohmann::json fingerprint(const RunIdentity& run) {
  return {{"format_version", 1},
          {"scale", run.scale},
          {"model", run.model},
          {"graph", run.graph},
          {"data", run.shards.training_identity},
          {"validation_data", run.shards.validation_identity},
          {"recipe", run.recipe},
          {"seed", run.seed},
          {"code", run.code}};
}

std::string fingerprint_hash(const nlohmann::json& fingerprint) {
  data::Fnv1a hash;
  hash.add(fingerprint.dump());
  return hash.hex();
}

std::string difference(const nlohmann::json& one, const nlohmann::json& other) {
  std::set<std::string> names;
  for (const auto* side : {&one, &other}) {
    for (const auto& [name, value] : side->items()) {
      if (one.value(name, nlohmann::json()) != other.value(name, nlohmann::json())) {
        names.insert(name);
      }
    }
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace resnext::ablations
