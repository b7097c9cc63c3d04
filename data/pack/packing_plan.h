#pragma once
// What packing a set will take, for `resnext-data pack --dry-run`.

#include <cstdint>
#include <span>
#include <string>

#include "data/pack/shard_writer.h"

namespace resnext::data {

/// Some lines for a person: samples, bytes, shards, memory, free space and hours. The rate is
/// `samples_per_second`, or where that is 0 measured by reading up to a few thousand samples from
/// the disk with options.jobs threads for a few seconds.
std::string describe_packing(PackSource& source, std::span<const std::uint32_t> order,
                             const WriteOptions& options, double samples_per_second);

}  // namespace resnext::data
