#include "data/pack/shard_writer.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <future>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>

#include "data/crc32.h"
#include "data/durable_file.h"
#include "data/fnv1a.h"
#include "data/hdf5.h"
#include "data/pack/packing_folder.h"
#include "data/pack/sample_batches.h"
#include "data/shard.h"
#include "data/shard_header.h"

namespace resnext::data {
namespace fs = std::filesystem;

namespace {

/// Writes what is missing of a set, one shard after the other, and at the end what only the whole
/// set tells.
class SetWriter {
 public:
  SetWriter(PackSource& source, std::span<const std::uint32_t> order, const WriteOptions& options,
            const PackingFolder& folder)
      : source_(source), order_(order), options_(options), folder_(folder) {}

  WrittenSet write() {
    const std::vector<std::uint64_t> missing = find_missing();
    write_shards(missing);
    written_.kept_shards = options_.shards - missing.size();
    written_.identity = compute_identity();
    seal_all();
    return written_;
  }

 private:
  SampleRange range_of(std::uint64_t shard) const {
    return {order_.size() * shard / options_.shards, order_.size() * (shard + 1) / options_.shards};
  }

  std::span<const std::uint32_t> samples_of(std::uint64_t shard) const {
    const SampleRange range = range_of(shard);
    return order_.subspan(range.first, range.end - range.first);
  }

  /// The shards that no earlier run finished; damaged ones are removed.
  std::vector<std::uint64_t> find_missing() {
    std::vector<std::uint64_t> missing, done;
    for (std::uint64_t i = 0; i < options_.shards; ++i)
      (folder_.stage(i) ? done : missing).push_back(i);
    if (options_.progress) options_.progress->start("checked", "shards", done.size());
    for (const auto i : done) {
      const std::string path = folder_.path(i, *folder_.stage(i));
      if (!is_intact(path, i)) {
        fs::remove(path);
        missing.push_back(i);
      }
      if (options_.progress) options_.progress->advance(1);
    }
    std::sort(missing.begin(), missing.end());
    return missing;
  }

  /// Reads every sample: a machine that lost power may have lost what it called written.
  bool is_intact(const std::string& path, std::uint64_t index) {
    const auto samples = samples_of(index);
    try {
      Shard shard(path);
      if (shard.header().samples != samples.size() || shard.header().shard_index != index ||
          !shard.index_is_intact() || shard.class_names() != source_.info().class_names)
        return false;
      StoredSample sample;
      for (std::size_t i = 0; i < samples.size(); ++i) {
        if (shard.sample_bytes(i) != source_.sample_bytes(samples[i])) return false;
        shard.read(i, source_.info().classes(), sample);
      }
      return true;
    } catch (const std::runtime_error&) {
      return false;
    }
  }

  void write_shards(const std::vector<std::uint64_t>& missing) {
    std::vector<SampleRange> ranges;
    std::uint64_t left = 0;
    for (const auto i : missing) {
      ranges.push_back(range_of(i));
      left += samples_of(i).size();
    }
    if (options_.progress)
      options_.progress->start("packed", "samples", order_.size(), order_.size() - left);
    SampleBatches batches(source_, order_, std::move(ranges), options_.jobs);
    std::future<void> finishing;
    for (const auto i : missing) {
      write_shard(i, batches);
      // The disk catches up on this shard while the next is written.
      if (finishing.valid()) finishing.get();
      finishing = std::async(std::launch::async, [this, i] { finish(i); });
    }
    if (finishing.valid()) finishing.get();
  }

  void finish(std::uint64_t index) const {
    sync_file(folder_.path(index, ShardStage::kPartial));
    folder_.move(index, ShardStage::kPartial, ShardStage::kPacked);
    folder_.sync();
  }

  void write_shard(std::uint64_t index, SampleBatches& batches) const {
    const auto samples = samples_of(index);
    hdf5::File file = hdf5::File::create(folder_.path(index, ShardStage::kPartial));
    std::vector<std::int32_t> labels;
    std::vector<std::uint32_t> checksums;
    const std::vector<std::uint64_t> offsets = offsets_of(samples);
    write_images(file, offsets, batches, labels, checksums);
    file.write<std::int32_t>("/labels", labels, {labels.size()});
    file.write<std::uint32_t>("/checksums", checksums, {checksums.size()});
    std::uint32_t index_checksum = crc32(std::span<const std::uint32_t>(checksums),
                                         crc32(std::span<const std::int32_t>(labels), 0));
    if (source_.info().encoding == Encoding::kEncoded) {
      file.write<std::uint64_t>("/images/offsets", offsets, {offsets.size()});
      index_checksum = crc32(std::span<const std::uint64_t>(offsets), index_checksum);
    }
    write_header(file, header(index, samples, index_checksum), source_.info().class_names);
    file.close();
  }

  std::vector<std::uint64_t> offsets_of(std::span<const std::uint32_t> samples) const {
    std::vector<std::uint64_t> offsets;
    offsets.reserve(samples.size() + 1);
    offsets.push_back(0);
    for (const auto sample : samples)
      offsets.push_back(offsets.back() + source_.sample_bytes(sample));
    return offsets;
  }

  void write_images(hdf5::File& file, const std::vector<std::uint64_t>& offsets,
                    SampleBatches& batches, std::vector<std::int32_t>& labels,
                    std::vector<std::uint32_t>& checksums) const {
    const std::size_t samples = offsets.size() - 1;
    hdf5::Dataset images = create_images(file, samples, offsets.back());
    while (labels.size() < samples) {
      const SampleBatch& batch = batches.next();
      const std::span<const std::uint8_t> bytes(batch.bytes);
      if (source_.info().encoding == Encoding::kEncoded)
        images.write_rows(offsets[labels.size()], bytes.size(), bytes);
      else
        images.write_rows(labels.size(), batch.labels.size(), bytes);
      labels.insert(labels.end(), batch.labels.begin(), batch.labels.end());
      checksums.insert(checksums.end(), batch.checksums.begin(), batch.checksums.end());
      if (options_.progress) options_.progress->advance(batch.labels.size(), bytes.size());
    }
  }

  hdf5::Dataset create_images(hdf5::File& file, std::uint64_t samples, std::uint64_t bytes) const {
    const DatasetInfo& info = source_.info();
    if (info.encoding == Encoding::kEncoded)
      return file.create_dataset<std::uint8_t>("/images/bytes", {bytes});
    return file.create_dataset<std::uint8_t>(
        "/images/pixels",
        {samples, static_cast<std::uint64_t>(info.height), static_cast<std::uint64_t>(info.width),
         static_cast<std::uint64_t>(info.channels)});
  }

  ShardHeader header(std::uint64_t index, std::span<const std::uint32_t> samples,
                     std::uint32_t index_checksum) const {
    const DatasetInfo& info = source_.info();
    ShardHeader header;
    header.set_name = options_.set_name;
    header.shard_index = index;
    header.shard_count = options_.shards;
    header.samples = samples.size();
    header.first_sample = range_of(index).first;
    header.total_samples = order_.size();
    header.index_checksum = index_checksum;
    header.encoding = info.encoding;
    header.height = info.height;
    header.width = info.width;
    header.channels = info.channels;
    return header;
  }

  std::string compute_identity() const {
    IdentityHash identity(source_.info().class_names);
    for (std::uint64_t i = 0; i < options_.shards; ++i)
      identity.add(Shard(folder_.path(i, *folder_.stage(i))).checksums());
    return identity.hex();
  }

  void seal_all() const {
    if (options_.progress) options_.progress->start("sealed", "shards", options_.shards);
    for (std::uint64_t i = 0; i < options_.shards; ++i) {
      seal(i);
      if (options_.progress) options_.progress->advance(1);
    }
  }

  /// Changes the shard in place, so under a name that no later run trusts. (If the last renaming is
  /// lost with the machine's power, that one shard is packed again.)
  void seal(std::uint64_t index) const {
    const ShardStage stage = *folder_.stage(index);
    if (stage == ShardStage::kSealed &&
        Shard(folder_.path(index, stage)).header().identity == written_.identity)
      return;
    folder_.move(index, stage, ShardStage::kSealing);
    folder_.sync();
    const std::string path = folder_.path(index, ShardStage::kSealing);
    hdf5::File file = hdf5::File::modify(path);
    file.set_attribute("/", "identity", written_.identity, hdf5::StringStorage::kFixed);
    file.close();
    sync_file(path);
    folder_.move(index, ShardStage::kSealing, ShardStage::kSealed);
  }

  PackSource& source_;
  std::span<const std::uint32_t> order_;
  const WriteOptions& options_;
  const PackingFolder& folder_;
  WrittenSet written_;
};

void require_name(const std::string& name) {
  if (name.empty() || name.front() == '.' || name.find('/') != std::string::npos)
    throw std::runtime_error(fmt::format("'{}' cannot name a set of shards", name));
}

std::uint64_t sample_bytes(const PackSource& source) {
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < source.info().size; ++i) bytes += source.sample_bytes(i);
  return bytes;
}

/// A source that cannot be told again is never the one of an earlier run.
std::string fingerprint_or_run(const PackSource& source) {
  std::string fingerprint = source.fingerprint();
  if (!fingerprint.empty()) return fingerprint;
  return fmt::format("none, run {}", std::chrono::system_clock::now().time_since_epoch().count());
}

Manifest describe(const PackSource& source, std::span<const std::uint32_t> order,
                  const WriteOptions& options) {
  const DatasetInfo& info = source.info();
  Fnv1a order_hash;
  for (const auto sample : order) order_hash.add_number(sample);
  return {{"packing format", "1"},
          {"set", options.set_name},
          {"pixels", info.encoding == Encoding::kEncoded
                         ? "encoded"
                         : fmt::format("{}x{}x{}", info.height, info.width, info.channels)},
          {"samples", fmt::format("{}", order.size())},
          {"bytes", fmt::format("{}", sample_bytes(source))},
          {"classes", fmt::format("{}", info.classes())},
          {"hash of the classes' names", IdentityHash(info.class_names).hex()},
          {"hash of the source's contents", fingerprint_or_run(source)},
          {"hash of the order, which --seed and --shuffle make", order_hash.hex()},
          {"shards", fmt::format("{}", options.shards)}};
}

}  // namespace

WrittenSet write_shards(PackSource& source, std::span<const std::uint32_t> order,
                        const WriteOptions& options) {
  require_name(options.set_name);
  if (options.shards == 0 || options.shards > order.size() || options.shards > kMaxShards)
    throw std::runtime_error(
        fmt::format("cannot make {} shards of {} samples", options.shards, order.size()));
  PackingFolder folder(options.folder, options.set_name, options.shards,
                       describe(source, order, options), options.replace);
  WrittenSet written;
  try {
    if (folder.identity())
      written = {*folder.identity(), 0, options.shards};
    else
      written = SetWriter(source, order, options, folder).write();
    written.sample_bytes = sample_bytes(source);
  } catch (...) {
    const bool resumable = !source.fingerprint().empty() && folder.has_finished_shards();
    resumable ? folder.remove_unfinished() : folder.remove();
    throw;
  }
  folder.publish(written.identity);
  return written;
}

}  // namespace resnext::data
