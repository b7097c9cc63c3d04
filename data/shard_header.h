#pragma once
// What every shard says of itself and of its set, and how shards and their checksums are named and
// computed (format: data/README.md). Shared by the writer and the reader.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/fnv1a.h"
#include "data/hdf5.h"
#include "data/image_source.h"

namespace resnext::data {

inline constexpr std::uint64_t kMaxShards = 1'000'000;

/// The root attributes of a shard, class names apart.
struct ShardHeader {
  std::string set_name;           ///< "train"
  std::string identity;           ///< of the whole set
  std::uint64_t shard_index = 0;  ///< from 0
  std::uint64_t shard_count = 1;
  std::uint64_t samples = 0;         ///< in this shard
  std::uint64_t first_sample = 0;    ///< number of this shard's first sample within the set
  std::uint64_t total_samples = 0;   ///< in the set
  std::uint32_t index_checksum = 0;  ///< CRC-32 over labels, checksums and (encoded) offsets
  Encoding encoding = Encoding::kRaw;
  int height = 0, width = 0, channels = 3;  ///< raw only
};

void write_header(hdf5::File& file, const ShardHeader& header,
                  const std::vector<std::string>& class_names);

/// Throws std::runtime_error, naming the file, if it is no shard or one of a newer format.
ShardHeader read_header(const hdf5::File& file);
std::vector<std::string> read_class_names(const hdf5::File& file);

/// "NAME-00003-of-00128.h5".
std::string shard_file_name(const std::string& set_name, std::uint64_t index, std::uint64_t count);

struct ShardFileName {
  std::string set_name;
  std::uint64_t index = 0, count = 0;
};
/// The parts of a shard's file name (without folders); nullopt for any other file's.
std::optional<ShardFileName> parse_shard_file_name(const std::string& file_name);

/// CRC-32 over a sample's bytes and its label.
std::uint32_t sample_checksum(std::span<const std::uint8_t> bytes, std::int32_t label);

/// Names a set by its contents: 64-bit FNV-1a over the class names (each ended by a zero byte),
/// then the samples' checksums. How the set is cut into shards has no part in it.
class IdentityHash {
 public:
  explicit IdentityHash(const std::vector<std::string>& class_names);
  void add(std::span<const std::uint32_t> checksums);
  std::string hex() const { return hash_.hex(); }

 private:
  Fnv1a hash_;
};

}  // namespace resnext::data
