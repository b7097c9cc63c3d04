#pragma once
// Reading HDF5 shards (format: data/README.md).

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "data/image_source.h"
#include "data/shard.h"

namespace resnext::data {

/// The shards of a set as one ImageSource: sample numbers run on from shard to shard.
class ShardSet : public ImageSource {
 public:
  /// `paths` is one whole set in order, or a single shard of any set.
  explicit ShardSet(const std::string& name, const std::vector<std::string>& paths);

  const DatasetInfo& info() const override { return info_; }
  void read(std::size_t index, StoredSample& sample) override;

  const std::vector<Shard>& shards() const { return shards_; }

 private:
  void require_agreement(const Shard& shard) const;
  void require_index(Shard& shard);
  std::string compute_identity() const;
  void keep_few_open(std::size_t shard);

  DatasetInfo info_;
  std::vector<Shard> shards_;
  std::vector<std::uint64_t> first_samples_;
  std::deque<std::size_t> open_;  ///< shards with an open file, oldest first
};

/// Opens a set of shards: a folder holding exactly one set, `FOLDER/NAME` for the set NAME of
/// several in a folder, or one shard file, which is then a set of its own. Reads only attributes
/// and small indices (20 bytes a sample); checks that every shard of the set is there, that they
/// agree, and that every label is one of the classes. Throws std::runtime_error naming the shard at
/// fault.
std::unique_ptr<ShardSet> open_shards(const std::string& path);

}  // namespace resnext::data
