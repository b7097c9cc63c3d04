#include "data/shards.h"

#include <algorithm>
#include <filesystem>
#include <stdexcept>

#include <fmt/format.h>

#include "data/shard_listing.h"

namespace resnext::data {

namespace {

/// Bounds open files: a process may have 1024 by default.
constexpr std::size_t kMaxOpenShards = 256;

/// What must be the same in all shards of a set.
std::string described(const ShardHeader& header) {
  return fmt::format("set '{}' {} of {} samples in {} shards, {} {}x{}x{}", header.set_name,
                     header.identity, header.total_samples, header.shard_count,
                     header.encoding == Encoding::kRaw ? "raw" : "encoded", header.height,
                     header.width, header.channels);
}

[[noreturn]] void throw_missing(const ShardListing& listing) {
  throw std::runtime_error(fmt::format("{}: missing ({} of the {} shards of set '{}' {} not there)",
                                       listing.missing[0], listing.missing.size(),
                                       listing.paths.size(), listing.set_name,
                                       listing.missing.size() == 1 ? "is" : "are"));
}

}  // namespace

ShardSet::ShardSet(const std::string& name, const std::vector<std::string>& paths) {
  info_.name = name;
  for (const auto& path : paths) {
    shards_.emplace_back(path);
    if (paths.size() > 1) require_agreement(shards_.back());
    first_samples_.push_back(info_.size);
    info_.size += shards_.back().header().samples;
  }
  const ShardHeader& first = shards_.front().header();
  const bool whole = paths.size() == first.shard_count;
  if (whole && info_.size != first.total_samples)
    throw std::runtime_error(fmt::format("{}: {} samples, but its shards say {}", name, info_.size,
                                         first.total_samples));
  if (info_.size == 0) throw std::runtime_error(name + ": no samples");
  info_.encoding = first.encoding;
  info_.height = first.height;
  info_.width = first.width;
  info_.channels = first.channels;
  info_.class_names = shards_.front().class_names();
  for (auto& shard : shards_) require_index(shard);
  info_.identity = compute_identity();
  if (whole && info_.identity != first.identity)
    throw std::runtime_error(
        fmt::format("{}: its contents ({}) are not those packed ({}): the "
                    "class names are damaged, or shards were exchanged",
                    name, info_.identity, first.identity));
}

void ShardSet::require_agreement(const Shard& shard) const {
  const ShardHeader& header = shard.header();
  const Shard& first = shards_.front();
  if (described(header) != described(first.header()))
    throw std::runtime_error(fmt::format("{}: of another set than {} ({}; {})", shard.path(),
                                         first.path(), described(header),
                                         described(first.header())));
  if (header.shard_index != shards_.size() - 1)
    throw std::runtime_error(fmt::format("{}: holds shard {}, another than its name says",
                                         shard.path(), header.shard_index));
  if (header.first_sample != info_.size)
    throw std::runtime_error(
        fmt::format("{}: starts at sample {}, but the shards before it end at {}", shard.path(),
                    header.first_sample, info_.size));
}

void ShardSet::require_index(Shard& shard) {
  for (std::size_t i = 0; i < shard.labels().size(); ++i) shard.require_label(i, info_.classes());
  if (shard.index_is_intact()) return;
  StoredSample sample;
  for (std::size_t i = 0; i < shard.labels().size(); ++i) shard.read(i, info_.classes(), sample);
  throw std::runtime_error(shard.path() + ": its index is damaged");
}

std::string ShardSet::compute_identity() const {
  IdentityHash hash(info_.class_names);
  for (const auto& shard : shards_) hash.add(shard.checksums());
  return hash.hex();
}

void ShardSet::read(std::size_t index, StoredSample& sample) {
  if (index >= info_.size)
    throw std::out_of_range(
        fmt::format("{}: sample {} asked of {}", info_.name, index, info_.size));
  const auto after = std::upper_bound(first_samples_.begin(), first_samples_.end(), index);
  const auto shard = static_cast<std::size_t>(after - first_samples_.begin()) - 1;
  keep_few_open(shard);
  shards_[shard].read(index - first_samples_[shard], info_.classes(), sample);
}

void ShardSet::keep_few_open(std::size_t shard) {
  if (shards_[shard].is_open()) return;
  if (open_.size() == kMaxOpenShards) {
    shards_[open_.front()].close();
    open_.pop_front();
  }
  open_.push_back(shard);
}

std::unique_ptr<ShardSet> open_shards(const std::string& path) {
  if (std::filesystem::is_regular_file(path))
    return std::make_unique<ShardSet>(path, std::vector<std::string>{path});
  const auto listings = find_shard_sets(path);
  if (listings.size() > 1)
    throw std::runtime_error(
        fmt::format("{}: holds {} sets of shards; give one of them, such as {}", path,
                    listings.size(), listings[0].path()));
  if (!listings[0].missing.empty()) throw_missing(listings[0]);
  return std::make_unique<ShardSet>(path, listings[0].paths);
}

}  // namespace resnext::data
