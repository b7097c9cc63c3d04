#pragma once
// Which sets of shards a folder holds, told from the file names alone.

#include <string>
#include <vector>

namespace resnext::data {

struct ShardListing {
  std::string folder;
  std::string set_name;
  std::vector<std::string> paths;    ///< of every shard of the set, in order, there or not
  std::vector<std::string> missing;  ///< those of `paths` that are not there

  /// "FOLDER/NAME", which open_shards() takes.
  std::string path() const;
};

/// The sets in a folder, sorted by name; empty if none. Throws std::runtime_error if the folder
/// cannot be read, or if two sets of one name lie mixed in it.
std::vector<ShardListing> list_shard_sets(const std::string& folder);

/// The sets that `path` means: all of a folder's, or the one of `FOLDER/NAME`. Throws
/// std::runtime_error, saying what is there instead, if there is none.
std::vector<ShardListing> find_shard_sets(const std::string& path);

}  // namespace resnext::data
