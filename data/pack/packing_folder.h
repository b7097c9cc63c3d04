#pragma once
// Where a set of shards is prepared, so that packing goes on after a kill and the set appears only
// when it is whole: OUT/NAME.packing, with a manifest that says what is being packed.
//
// A shard's life there: NAME-...h5.partial while it is written; .packed when it is whole and on the
// disk; .sealing while the set's identity, known only at the end, is put into it; .sealed. When all
// are sealed, the file `identity` says so, and they move to OUT under their own names.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "data/file_descriptor.h"

namespace resnext::data {

/// All that decides the shards' bytes: what it is in a person's words, and its value.
using Manifest = std::vector<std::pair<std::string, std::string>>;

enum class ShardStage { kPartial, kPacked, kSealing, kSealed };

class PackingFolder {
 public:
  /// Opens the folder for this process alone, or makes it, with the manifest on the disk. What an
  /// earlier run with the same manifest left stays, unfinished files apart. Throws
  /// std::runtime_error if another process has it open, if a set of that name is in `out` already
  /// or if the manifest there is another, unless `replace` (which then clears the folder).
  PackingFolder(const std::string& out, const std::string& set_name, std::uint64_t shards,
                const Manifest& manifest, bool replace);

  std::string path(std::uint64_t shard, ShardStage stage) const;
  /// kPacked or kSealed; nullopt if the shard is not done yet.
  std::optional<ShardStage> stage(std::uint64_t shard) const;
  /// Renames.
  void move(std::uint64_t shard, ShardStage from, ShardStage to) const;
  /// Waits until what was renamed is on the disk.
  void sync() const;

  /// The set's identity if a run before this one had sealed every shard.
  const std::optional<std::string>& identity() const { return identity_; }

  /// Every shard is sealed: the set takes the place of any of that name, and the folder goes.
  void publish(const std::string& identity);

  bool has_finished_shards() const;
  /// Removes the files of shards that are neither packed nor sealed.
  void remove_unfinished() const;
  /// Removes the folder and all in it.
  void remove() const;

 private:
  std::string manifest_path() const { return folder_ + "/manifest"; }
  std::string identity_path() const { return folder_ + "/identity"; }
  std::string final_path(std::uint64_t shard) const;
  void lock();
  void require_same(const Manifest& manifest) const;
  void remove_old_set() const;

  std::string out_, set_name_, folder_;
  std::uint64_t shards_;
  std::optional<FileDescriptor> lock_;
  std::optional<std::string> identity_;
};

}  // namespace resnext::data
