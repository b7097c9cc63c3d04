#pragma once
// One shard file: its index in memory, its samples on disk.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/hdf5.h"
#include "data/image_source.h"
#include "data/shard_header.h"

namespace resnext::data {

/// The index (labels, checksums, offsets; 16 bytes a sample) is read on construction; the file is
/// opened again by the first read and stays open until close().
class Shard {
 public:
  /// Throws std::runtime_error naming the file when it is missing, truncated, no shard, or when its
  /// parts do not fit each other. Does not look at samples, labels or index_checksum.
  explicit Shard(const std::string& path);

  const std::string& path() const { return path_; }
  const ShardHeader& header() const { return header_; }
  const std::vector<std::int32_t>& labels() const { return labels_; }
  const std::vector<std::uint32_t>& checksums() const { return checksums_; }
  std::vector<std::string> class_names() const;
  /// Bytes of the samples, without the index.
  std::uint64_t sample_bytes() const;
  /// Bytes of one sample.
  std::uint64_t sample_bytes(std::uint64_t index) const;

  /// True if labels, checksums and offsets are those that were packed.
  bool index_is_intact() const;

  /// Reads sample `index` of this shard and checks label and checksum. Throws std::runtime_error
  /// naming the file and the sample.
  void read(std::uint64_t index, int classes, StoredSample& sample);

  /// Throws like read() if the label is not below `classes`.
  void require_label(std::uint64_t index, int classes) const;

  bool is_open() const { return open_.has_value(); }
  void close() { open_.reset(); }

  /// "FILE: sample 17 (of the set: 2017)".
  std::string sample_name(std::uint64_t index) const;

 private:
  struct Open {
    hdf5::File file;
    hdf5::Dataset bytes;
  };

  void read_bytes(std::uint64_t index, std::span<std::uint8_t> out);
  void read_index(const hdf5::File& file);
  void require_shapes(const hdf5::File& file) const;
  void require_rising_offsets(std::uint64_t bytes) const;
  const char* bytes_object() const;

  std::string path_;
  ShardHeader header_;
  std::vector<std::int32_t> labels_;
  std::vector<std::uint32_t> checksums_;
  std::vector<std::uint64_t> offsets_;  ///< encoded only
  std::optional<Open> open_;
};

}  // namespace resnext::data
