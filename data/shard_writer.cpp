#include "data/shard_writer.h"

#include <filesystem>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>

#include "data/crc32.h"
#include "data/hdf5.h"
#include "data/shard_header.h"
#include "data/shard_listing.h"

namespace resnext::data {
namespace fs = std::filesystem;

namespace {

constexpr const char* kPartial = ".partial";

/// Files under temporary names: removed again unless published.
class PartialFiles {
 public:
  explicit PartialFiles(fs::path folder) : folder_(std::move(folder)) {}
  PartialFiles(const PartialFiles&) = delete;
  PartialFiles& operator=(const PartialFiles&) = delete;
  ~PartialFiles() {
    std::error_code ignored;
    for (const auto& name : names_) fs::remove(partial(name), ignored);
  }

  /// The temporary path for a file that will be called `name`.
  std::string add(const std::string& name) {
    names_.push_back(name);
    return partial(name);
  }
  const std::vector<std::string>& names() const { return names_; }
  std::string partial(const std::string& name) const {
    return (folder_ / (name + kPartial)).string();
  }

  void publish() {
    for (const auto& name : names_) fs::rename(partial(name), folder_ / name);
    names_.clear();
  }

 private:
  fs::path folder_;
  std::vector<std::string> names_;
};

/// Writes one shard after the other, and at the end what only the whole set tells.
class SetWriter {
 public:
  SetWriter(PackSource& source, std::span<const std::uint32_t> order, const WriteOptions& options)
      : source_(source),
        order_(order),
        options_(options),
        files_(options.folder),
        identity_(source.info().class_names) {}

  WrittenSet write() {
    for (std::uint64_t i = 0; i < options_.shards; ++i) write_shard(i);
    written_.identity = identity_.hex();
    for (std::uint64_t i = 0; i < options_.shards; ++i) write_identity(i);
    return written_;
  }

  void publish() { files_.publish(); }

 private:
  std::span<const std::uint32_t> samples_of(std::uint64_t shard) const {
    const std::uint64_t first = order_.size() * shard / options_.shards;
    const std::uint64_t end = order_.size() * (shard + 1) / options_.shards;
    return order_.subspan(first, end - first);
  }

  void write_shard(std::uint64_t index) {
    const auto samples = samples_of(index);
    hdf5::File file =
        hdf5::File::create(files_.add(shard_file_name(options_.set_name, index, options_.shards)));
    std::vector<std::int32_t> labels;
    std::vector<std::uint32_t> checksums;
    const std::vector<std::uint64_t> offsets = write_images(file, samples, labels, checksums);
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
    identity_.add(checksums);
  }

  std::vector<std::uint64_t> write_images(hdf5::File& file, std::span<const std::uint32_t> samples,
                                          std::vector<std::int32_t>& labels,
                                          std::vector<std::uint32_t>& checksums) {
    std::vector<std::uint64_t> offsets = {0};
    for (const auto sample : samples)
      offsets.push_back(offsets.back() + source_.sample_bytes(sample));
    hdf5::Dataset images = create_images(file, samples.size(), offsets.back());
    StoredSample sample;
    for (std::size_t i = 0; i < samples.size(); ++i) {
      source_.read(samples[i], sample);
      const std::span<const std::uint8_t> bytes(sample.bytes);
      if (source_.info().encoding == Encoding::kEncoded)
        images.write_rows(offsets[i], bytes.size(), bytes);
      else
        images.write_rows(i, 1, bytes);
      labels.push_back(sample.label);
      checksums.push_back(sample_checksum(bytes, sample.label));
      if (options_.progress) options_.progress(++done_);
    }
    written_.sample_bytes += offsets.back();
    return offsets;
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
    header.first_sample = static_cast<std::uint64_t>(samples.data() - order_.data());
    header.total_samples = order_.size();
    header.index_checksum = index_checksum;
    header.encoding = info.encoding;
    header.height = info.height;
    header.width = info.width;
    header.channels = info.channels;
    return header;
  }

  void write_identity(std::uint64_t index) {
    const std::string path =
        files_.partial(shard_file_name(options_.set_name, index, options_.shards));
    hdf5::File file = hdf5::File::modify(path);
    file.set_attribute("/", "identity", written_.identity, hdf5::StringStorage::kFixed);
    file.close();
  }

  PackSource& source_;
  std::span<const std::uint32_t> order_;
  const WriteOptions& options_;
  PartialFiles files_;
  IdentityHash identity_;
  WrittenSet written_;
  std::uint64_t done_ = 0;
};

void require_name(const std::string& name) {
  if (name.empty() || name.front() == '.' || name.find('/') != std::string::npos)
    throw std::runtime_error(fmt::format("'{}' cannot name a set of shards", name));
}

void create_folder(const std::string& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    throw std::runtime_error(fmt::format("{}: cannot be created: {}", folder, error.message()));
}

/// Shards of the set that are there, whether all or some, and leftovers of an interrupted writer.
std::vector<fs::path> files_of_set(const WriteOptions& options, const std::string& suffix) {
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(options.folder)) {
    std::string name = entry.path().filename().string();
    if (!name.ends_with(suffix)) continue;
    name.resize(name.size() - suffix.size());
    const auto parsed = parse_shard_file_name(name);
    if (parsed && parsed->set_name == options.set_name) paths.push_back(entry.path());
  }
  return paths;
}

}  // namespace

WrittenSet write_shards(PackSource& source, std::span<const std::uint32_t> order,
                        const WriteOptions& options) {
  require_name(options.set_name);
  if (options.shards == 0 || options.shards > order.size() || options.shards > kMaxShards)
    throw std::runtime_error(
        fmt::format("cannot make {} shards of {} samples", options.shards, order.size()));
  create_folder(options.folder);
  const auto present = files_of_set(options, "");
  if (!present.empty() && !options.replace)
    throw std::runtime_error(
        fmt::format("{}: the set '{}' is there already; choose another name or "
                    "folder, or replace it with --force",
                    options.folder, options.set_name));
  for (const auto& leftover : files_of_set(options, kPartial)) fs::remove(leftover);

  SetWriter writer(source, order, options);
  WrittenSet written = writer.write();
  for (const auto& path : present) fs::remove(path);
  writer.publish();
  return written;
}

}  // namespace resnext::data
