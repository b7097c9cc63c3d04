#include "data/shard.h"

#include <stdexcept>

#include <fmt/format.h>

#include "data/crc32.h"

namespace resnext::data {

namespace {

void require_dimensions(const hdf5::File& file, const std::string& object,
                        const hdf5::Dimensions& wanted) {
  const hdf5::Dimensions found = file.dataset(object).dimensions();
  if (found != wanted)
    throw std::runtime_error(fmt::format("{}:{}: {} values, but the header asks for {}",
                                         file.name(), object, fmt::join(found, "x"),
                                         fmt::join(wanted, "x")));
}

}  // namespace

Shard::Shard(const std::string& path) : path_(path) {
  const hdf5::File file = hdf5::File::open(path);
  header_ = read_header(file);
  require_shapes(file);
  read_index(file);
}

std::vector<std::string> Shard::class_names() const {
  return read_class_names(hdf5::File::open(path_));
}

const char* Shard::bytes_object() const {
  return header_.encoding == Encoding::kRaw ? "/images/pixels" : "/images/bytes";
}

void Shard::require_shapes(const hdf5::File& file) const {
  require_dimensions(file, "/labels", {header_.samples});
  require_dimensions(file, "/checksums", {header_.samples});
  if (header_.encoding == Encoding::kEncoded)
    require_dimensions(file, "/images/offsets", {header_.samples + 1});
  else
    require_dimensions(
        file, "/images/pixels",
        {header_.samples, static_cast<std::uint64_t>(header_.height),
         static_cast<std::uint64_t>(header_.width), static_cast<std::uint64_t>(header_.channels)});
}

void Shard::read_index(const hdf5::File& file) {
  labels_ = file.read<std::int32_t>("/labels");
  checksums_ = file.read<std::uint32_t>("/checksums");
  if (header_.encoding == Encoding::kRaw) return;
  offsets_ = file.read<std::uint64_t>("/images/offsets");
  const auto dimensions = file.dataset("/images/bytes").dimensions();
  require_rising_offsets(dimensions.empty() ? 0 : dimensions[0]);
}

void Shard::require_rising_offsets(std::uint64_t bytes) const {
  for (std::size_t i = 0; i < labels_.size(); ++i)
    if (offsets_[i] > offsets_[i + 1] || offsets_[i + 1] > bytes)
      throw std::runtime_error(fmt::format("{}: its offsets are damaged ({} to {} of {} bytes)",
                                           sample_name(i), offsets_[i], offsets_[i + 1], bytes));
  if (offsets_.front() != 0 || offsets_.back() != bytes)
    throw std::runtime_error(fmt::format("{}: sample {}: its offsets are damaged", path_,
                                         offsets_.front() != 0 ? 0 : labels_.size() - 1));
}

std::uint64_t Shard::sample_bytes() const {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < labels_.size(); ++i) total += sample_bytes(i);
  return total;
}

std::uint64_t Shard::sample_bytes(std::uint64_t index) const {
  if (header_.encoding == Encoding::kEncoded) return offsets_[index + 1] - offsets_[index];
  return std::uint64_t(header_.height) * header_.width * header_.channels;
}

bool Shard::index_is_intact() const {
  const std::uint32_t checksum =
      crc32(std::span(offsets_), crc32(std::span(checksums_), crc32(std::span(labels_), 0)));
  return checksum == header_.index_checksum;
}

std::string Shard::sample_name(std::uint64_t index) const {
  return fmt::format("{}: sample {} (of the set: {})", path_, index, header_.first_sample + index);
}

void Shard::require_label(std::uint64_t index, int classes) const {
  if (labels_[index] < 0 || labels_[index] >= classes)
    throw std::runtime_error(fmt::format("{}: label {} is not one of the {} classes",
                                         sample_name(index), labels_[index], classes));
}

void Shard::read_bytes(std::uint64_t index, std::span<std::uint8_t> out) {
  if (!open_) {
    hdf5::File file = hdf5::File::open(path_);
    hdf5::Dataset bytes = file.dataset(bytes_object());
    open_.emplace(Open{std::move(file), std::move(bytes)});
  }
  if (header_.encoding == Encoding::kRaw)
    open_->bytes.read_rows(index, 1, out);
  else
    open_->bytes.read_rows(offsets_[index], out.size(), out);
}

void Shard::read(std::uint64_t index, int classes, StoredSample& sample) {
  if (index >= labels_.size())
    throw std::out_of_range(fmt::format("{}: sample {} asked of {}", path_, index, labels_.size()));
  sample.bytes.resize(sample_bytes(index));
  sample.label = labels_[index];
  try {
    read_bytes(index, sample.bytes);
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(fmt::format("{}: {}", sample_name(index), error.what()));
  }
  require_label(index, classes);
  if (sample_checksum(sample.bytes, sample.label) != checksums_[index])
    throw std::runtime_error(sample_name(index) +
                             ": damaged: its bytes or label do not match its checksum");
}

}  // namespace resnext::data
