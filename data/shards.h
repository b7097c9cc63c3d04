#pragma once
// Reading HDF5 shards (format: data/README.md).

#include <memory>
#include <string>

#include "data/image_source.h"

namespace resnext::data {

/// Opens a set of shards: a folder holding exactly one set, one shard file, or `FOLDER/NAME` for the
/// set NAME of several in a folder. Reads only attributes and small indices; checks that every shard
/// of the set is there and that they agree. Throws std::runtime_error naming the shard at fault.
std::unique_ptr<ImageSource> open_shards(const std::string& path);

}  // namespace resnext::data
