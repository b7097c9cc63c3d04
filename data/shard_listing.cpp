#include "data/shard_listing.h"

#include <filesystem>
#include <map>
#include <set>
#include <stdexcept>

#include <fmt/format.h>

#include "data/shard_header.h"

namespace resnext::data {
namespace fs = std::filesystem;

namespace {

struct Found {
  std::uint64_t count = 0;
  std::set<std::uint64_t> indices;
};

ShardListing make_listing(const std::string& folder, const std::string& name, const Found& found) {
  ShardListing listing{folder, name, {}, {}};
  for (std::uint64_t i = 0; i < found.count; ++i) {
    listing.paths.push_back((fs::path(folder) / shard_file_name(name, i, found.count)).string());
    if (!found.indices.contains(i)) listing.missing.push_back(listing.paths.back());
  }
  return listing;
}

std::string names_of(const std::vector<ShardListing>& listings) {
  std::vector<std::string> names;
  for (const auto& listing : listings) names.push_back(listing.set_name);
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

std::string ShardListing::path() const {
  return (fs::path(folder) / set_name).string();
}

std::vector<ShardListing> list_shard_sets(const std::string& folder) {
  std::map<std::string, Found> sets;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const auto name = parse_shard_file_name(entry->path().filename().string());
    if (!name) continue;
    Found& found = sets[name->set_name];
    if (found.count != 0 && found.count != name->count)
      throw std::runtime_error(
          fmt::format("{}: shards of two sets named '{}' lie mixed here (one of {} shards, one of "
                      "{}); remove one",
                      folder, name->set_name, found.count, name->count));
    found.count = name->count;
    found.indices.insert(name->index);
  }
  if (error) throw std::runtime_error(fmt::format("{}: {}", folder, error.message()));

  std::vector<ShardListing> listings;
  for (const auto& [name, found] : sets) listings.push_back(make_listing(folder, name, found));
  return listings;
}

std::vector<ShardListing> find_shard_sets(const std::string& path) {
  if (fs::is_directory(path)) {
    auto listings = list_shard_sets(path);
    if (listings.empty())
      throw std::runtime_error(
          path + ": no shards here (NAME-00000-of-00001.h5); `resnext-data pack` makes them");
    return listings;
  }
  const fs::path parent = fs::path(path).has_parent_path() ? fs::path(path).parent_path() : ".";
  if (!fs::is_directory(parent)) throw std::runtime_error(path + ": no such file or folder");
  const auto listings = list_shard_sets(parent.string());
  for (const auto& listing : listings)
    if (listing.set_name == fs::path(path).filename()) return {listing};
  throw std::runtime_error(fmt::format("{}: no such file, folder or set of shards{}", path,
                                       listings.empty() ? "" : "; there is " + names_of(listings)));
}

}  // namespace resnext::data
