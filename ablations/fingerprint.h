#pragma once
// What decides a run's numbers. A result is used only for the very run that it is of: where any of
// this has changed, the run is another one, with a folder of its own.

#include <string>

#include <nlohmann/json.hpp>

#include "ablations/dataset.h"
#include "ablations/table.h"

namespace resnext::ablations {

struct RunIdentity {
  std::string scale;
  std::string model;
  std::string graph;  ///< Complexity::graph
  ShardSets shards;   ///< their identities, not where they are
  Options recipe;     ///< every option in force, the preset's and the table's
  int seed = 1;
  std::string code;  ///< code_version()
};

/// As it is stored beside the result.
nlohmann::json fingerprint(const RunIdentity& run);

/// 16 hexadecimal digits of it.
std::string fingerprint_hash(const nlohmann::json& fingerprint);

/// The names of what differs, e.g. "recipe, seed"; empty where nothing does.
std::string difference(const nlohmann::json& one, const nlohmann::json& other);

}  // namespace resnext::ablations
