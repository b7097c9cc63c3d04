#pragma once
// Writing HDF5 shards (format: data/README.md).

#include <cstdint>
#include <span>
#include <string>

#include "data/image_source.h"
#include "data/pack/progress.h"

namespace resnext::data {

/// Images that can be packed: the size of a sample is known before it is read, and several threads
/// may call read() at once.
class PackSource : public ImageSource {
 public:
  virtual std::uint64_t sample_bytes(std::size_t index) const = 0;

  /// Tells this source from a changed one without reading all samples, so that packing can go on
  /// after an interruption; empty where that cannot be told.
  virtual std::string fingerprint() const { return {}; }
  /// Memory held for every sample, in bytes.
  virtual std::uint64_t index_bytes() const { return 0; }
  /// Makes the next read of a sample come from the disk where it is a file: for measuring.
  virtual void drop_from_page_cache(std::size_t) const {}
};

struct WriteOptions {
  std::string folder;  ///< created if need be
  std::string set_name = "train";
  std::uint64_t shards = 1;      ///< 1 to the number of samples
  bool replace = false;          ///< allows a set of that name, or another unfinished packing of it
  Progress* progress = nullptr;  ///< told of checking and packing
  unsigned jobs = 1;             ///< threads that read and checksum; one more writes
};

struct WrittenSet {
  std::string identity;
  std::uint64_t sample_bytes = 0;
  std::uint64_t kept_shards = 0;  ///< that an interrupted run had finished
};

/// Writes the samples of `source` in the given order. The shards' bytes depend on these alone,
/// neither on `jobs` nor on interruptions. The set is prepared in FOLDER/NAME.packing and is there
/// whole or not at all; one that it replaces stays until then. After a kill, or an error past the
/// first shard, the same call keeps the finished shards whose checksums are right and writes the
/// others; if the source has no fingerprint, an error leaves nothing behind. Throws
/// std::runtime_error naming file or sample. Memory: the index of one shard and what SampleBatches
/// says.
WrittenSet write_shards(PackSource& source, std::span<const std::uint32_t> order,
                        const WriteOptions& options);

}  // namespace resnext::data
