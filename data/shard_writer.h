#pragma once
// Writing HDF5 shards (format: data/README.md).

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "data/image_source.h"

namespace resnext::data {

/// Images that can be packed: the size of a sample is known before it is read.
class PackSource : public ImageSource {
 public:
  virtual std::uint64_t sample_bytes(std::size_t index) const = 0;
};

struct WriteOptions {
  std::string folder;  ///< created if need be
  std::string set_name = "train";
  std::uint64_t shards = 1;  ///< 1 to the number of samples
  bool replace = false;      ///< allows a set of that name to be there already
  std::function<void(std::uint64_t samples_done)> progress;  ///< called after each sample
};

struct WrittenSet {
  std::string identity;
  std::uint64_t sample_bytes = 0;
};

/// Writes the samples of `source` in the given order. Everything goes to temporary names
/// (NAME-...h5.partial) first, so that the set is there whole or not at all, and a set that it
/// replaces stays until then. Throws std::runtime_error, naming file or sample, and then leaves
/// nothing behind.
WrittenSet write_shards(PackSource& source, std::span<const std::uint32_t> order,
                        const WriteOptions& options);

}  // namespace resnext::data
