#include "ablations/preparation.h"

#include <filesystem>

#include <fmt/format.h>

#include "cli/nearest_name.h"
#include "cli/program.h"

namespace resnext::ablations {
namespace {

namespace fs = std::filesystem;

void require_datasets(const Scale& scale, const std::map<std::string, Dataset>& datasets,
                      const std::string& table) {
  std::vector<std::string> names;
  for (const auto& [name, set] : datasets) names.push_back(name);
  for (const auto& [role, set] : scale.data) {
    if (datasets.contains(set)) continue;
    throw cli::UsageError(fmt::format("{}: scale {}: there is no data set '{}' in datasets.toml{}",
                                      table, scale.name, set, cli::did_you_mean(set, names)));
  }
}

/// A table that is not the project's may bring data sets of its own.
std::string datasets_beside(const std::string& table) {
  const fs::path own = fs::path(table).parent_path() / "datasets.toml";
  return fs::exists(own) ? own : fs::path(tables_folder()) / "datasets.toml";
}

}  // namespace

Preparation::Preparation(const SweepOptions& options) : options_(options) {
  const std::string path = find_table(options.table);
  request_.table = read_table(path);
  request_.scale = request_.table.scale(options.scale);
  request_.datasets = read_datasets(datasets_beside(path));
  require_datasets(request_.scale, request_.datasets, path);
  request_.seeds = options.seeds;
  request_.folder = fs::absolute(options.folder).lexically_normal();
  programs_ = find_programs();
  request_.code = options.code_version.empty() ? code_version(programs_) : options.code_version;
  for (const auto& [role, name] : request_.scale.data) {
    const Dataset& set = dataset(role);
    const auto shards = find_shards(set, source(set), shards_folder(), programs_);
    packed_[role] = shards.has_value();
    request_.shards[role] = shards ? *shards : planned_shards(set, shards_folder());
  }
}

const Dataset& Preparation::dataset(const std::string& role) const {
  return request_.datasets.at(request_.scale.data.at(role));
}

DataSource Preparation::source(const Dataset& set) const {
  return {path_for(set.name, options_.images), path_for(set.name, options_.data),
          path_for(set.name, options_.val_data)};
}

std::string Preparation::shards_folder() const {
  return request_.folder + "/shards";
}

std::uint64_t Preparation::bytes_to_pack() const {
  std::uint64_t bytes = 0;
  for (const auto& [role, is_packed] : packed_) {
    const Dataset& set = dataset(role);
    if (!is_packed) bytes += ablations::bytes_to_pack(set, source(set));
  }
  return bytes;
}

void Preparation::pack() {
  for (auto& [role, is_packed] : packed_) {
    if (is_packed) continue;
    const Dataset& set = dataset(role);
    request_.shards[role] = pack_shards(set, source(set), shards_folder(), programs_);
    is_packed = true;
  }
}

}  // namespace resnext::ablations
