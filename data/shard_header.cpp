#include "data/shard_header.h"

#include <charconv>
#include <stdexcept>

#include <fmt/format.h>

#include "data/crc32.h"

namespace resnext::data {

namespace {

constexpr const char* kFormat = "resnext-shard";
constexpr std::int64_t kFormatVersion = 1;
constexpr std::size_t kDigits = 5;

std::uint64_t count_attribute(const hdf5::File& file, const std::string& name) {
  const std::int64_t value = file.integer_attribute("/", name);
  if (value < 0)
    throw std::runtime_error(fmt::format("{}: attribute '{}' is {}", file.name(), name, value));
  return static_cast<std::uint64_t>(value);
}

int size_attribute(const hdf5::File& file, const std::string& name) {
  const std::uint64_t value = count_attribute(file, name);
  if (value == 0 || value > 1 << 20)
    throw std::runtime_error(fmt::format("{}: attribute '{}' is {}", file.name(), name, value));
  return static_cast<int>(value);
}

Encoding encoding_attribute(const hdf5::File& file) {
  const std::string encoding = file.string_attribute("/", "encoding");
  if (encoding == "raw") return Encoding::kRaw;
  if (encoding == "encoded") return Encoding::kEncoded;
  throw std::runtime_error(fmt::format("{}: unknown encoding '{}'", file.name(), encoding));
}

void require_format(const hdf5::File& file) {
  if (!file.has_attribute("/", "format") || file.string_attribute("/", "format") != kFormat)
    throw std::runtime_error(file.name() + ": HDF5, but not a shard made by resnext-data");
  const std::int64_t version = file.integer_attribute("/", "format_version");
  if (version != kFormatVersion)
    throw std::runtime_error(fmt::format("{}: shard format {}, but this program reads format {}",
                                         file.name(), version, kFormatVersion));
}

/// The number at the end of `text`, which is cut off; at least kDigits digits.
std::optional<std::uint64_t> take_number(std::string& text) {
  const auto last_other = text.find_last_not_of("0123456789");
  const std::size_t start = last_other == std::string::npos ? 0 : last_other + 1;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data() + start, text.data() + text.size(), value);
  if (text.size() - start < kDigits || error != std::errc()) return std::nullopt;
  text.resize(start);
  return value;
}

bool take_suffix(std::string& text, const std::string& suffix) {
  if (!text.ends_with(suffix)) return false;
  text.resize(text.size() - suffix.size());
  return true;
}

}  // namespace

void write_header(hdf5::File& file, const ShardHeader& header,
                  const std::vector<std::string>& class_names) {
  const auto set = [&](const char* name, const hdf5::Attribute& value) {
    file.set_attribute("/", name, value, hdf5::StringStorage::kFixed);
  };
  const auto set_count = [&](const char* name, std::uint64_t value) {
    set(name, static_cast<std::int64_t>(value));
  };
  set("format", std::string(kFormat));
  set("format_version", kFormatVersion);
  set("set_name", header.set_name);
  set("identity", header.identity);
  set_count("shard_index", header.shard_index);
  set_count("shard_count", header.shard_count);
  set_count("samples", header.samples);
  set_count("first_sample", header.first_sample);
  set_count("total_samples", header.total_samples);
  set_count("index_checksum", header.index_checksum);
  const bool raw = header.encoding == Encoding::kRaw;
  set("encoding", std::string(raw ? "raw" : "encoded"));
  if (raw) {
    set("height", std::int64_t(header.height));
    set("width", std::int64_t(header.width));
    set("channels", std::int64_t(header.channels));
  }
  set("class_names", class_names);
}

ShardHeader read_header(const hdf5::File& file) {
  require_format(file);
  ShardHeader header;
  header.set_name = file.string_attribute("/", "set_name");
  header.identity = file.string_attribute("/", "identity");
  header.shard_index = count_attribute(file, "shard_index");
  header.shard_count = count_attribute(file, "shard_count");
  header.samples = count_attribute(file, "samples");
  header.first_sample = count_attribute(file, "first_sample");
  header.total_samples = count_attribute(file, "total_samples");
  header.index_checksum = static_cast<std::uint32_t>(count_attribute(file, "index_checksum"));
  header.encoding = encoding_attribute(file);
  if (header.encoding == Encoding::kRaw) {
    header.height = size_attribute(file, "height");
    header.width = size_attribute(file, "width");
    header.channels = size_attribute(file, "channels");
  }
  return header;
}

std::vector<std::string> read_class_names(const hdf5::File& file) {
  return file.strings_attribute("/", "class_names");
}

std::string shard_file_name(const std::string& set_name, std::uint64_t index, std::uint64_t count) {
  return fmt::format("{}-{:05}-of-{:05}.h5", set_name, index, count);
}

std::optional<ShardFileName> parse_shard_file_name(const std::string& file_name) {
  std::string rest = file_name;
  if (!take_suffix(rest, ".h5")) return std::nullopt;
  const auto count = take_number(rest);
  if (!count || !take_suffix(rest, "-of-")) return std::nullopt;
  const auto index = take_number(rest);
  if (!index || !take_suffix(rest, "-") || rest.empty()) return std::nullopt;
  if (*index >= *count || *count > kMaxShards) return std::nullopt;
  return ShardFileName{rest, *index, *count};
}

std::uint32_t sample_checksum(std::span<const std::uint8_t> bytes, std::int32_t label) {
  return crc32(std::span<const std::int32_t>(&label, 1), crc32(bytes));
}

IdentityHash::IdentityHash(const std::vector<std::string>& class_names) {
  for (const auto& name : class_names) hash_.add(name);
}

void IdentityHash::add(std::span<const std::uint32_t> checksums) {
  for (const std::uint32_t checksum : checksums) hash_.add_number(checksum);
}

}  // namespace resnext::data
