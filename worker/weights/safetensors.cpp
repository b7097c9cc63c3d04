#include "worker/weights/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <set>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "data/durable_file.h"

namespace resnext::worker {
namespace {

using nlohmann::json;

static_assert(std::endian::native == std::endian::little, "values are copied as they are stored");

constexpr std::uint64_t kLengthBytes = 8;
constexpr std::uint64_t kLargestHeader = 100'000'000;  // as the reference implementation
constexpr std::uint64_t kAlignment = 8;                // likewise, for those who map files
constexpr int kDeepestNesting = 2;                     // header, entry, shape
constexpr const char* kMetadata = "__metadata__";

[[noreturn]] void fail(const std::string& path, const std::string& reason) {
  throw std::runtime_error(fmt::format("{}: {}", path, reason));
}

/// A name from the file as an error message may show it: one line, not too long.
std::string shown(std::string_view name) {
  constexpr std::size_t kLongest = 100;
  std::string text(name.substr(0, kLongest));
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c >= 0 && (c < ' ' || c > '~'); }, '?');
  return name.size() > kLongest ? text + "..." : text;
}

/// Bytes of one value, or 0 where the type is unknown.
std::uint64_t size_of(const std::string& dtype) {
  static const std::map<std::string, std::uint64_t> sizes = {
      {"F64", 8}, {"I64", 8},     {"U64", 8},     {"F32", 4}, {"I32", 4},
      {"U32", 4}, {"F16", 2},     {"BF16", 2},    {"I16", 2}, {"U16", 2},
      {"I8", 1},  {"F8_E4M3", 1}, {"F8_E5M2", 1}, {"U8", 1},  {"BOOL", 1}};
  const auto found = sizes.find(dtype);
  return found == sizes.end() ? 0 : found->second;
}

// --- The header.

/// JSON that says nothing twice and is no deeper than this format needs.
json parse_header(const std::string& text, const std::string& path) {
  std::vector<std::set<std::string>> keys(kDeepestNesting + 2);
  const auto check = [&](int depth, json::parse_event_t event, json& value) {
    const auto level = static_cast<std::size_t>(depth);
    const bool object = event == json::parse_event_t::object_start;
    if ((object || event == json::parse_event_t::array_start) && depth > kDeepestNesting) {
      fail(path, "damaged: the header is nested too deep");
    }
    if (object) keys[level + 1].clear();
    if (event == json::parse_event_t::key && !keys[level].insert(value).second) {
      fail(path, fmt::format("damaged: the header has '{}' twice",
                             shown(value.get_ref<const std::string&>())));
    }
    return true;
  };
  try {
    return json::parse(text, check);
  } catch (const json::parse_error& error) {
    fail(path, fmt::format("damaged: the header is not JSON (at its byte {})", error.byte));
  }
}

std::string read_header(std::ifstream& file, std::uint64_t file_bytes, const std::string& path) {
  std::uint64_t length = 0;
  std::array<char, kLengthBytes> raw{};
  if (file_bytes < kLengthBytes || !file.read(raw.data(), raw.size())) {
    fail(path, fmt::format("truncated: {} bytes are no safetensors file", file_bytes));
  }
  std::memcpy(&length, raw.data(), raw.size());
  if (length > kLargestHeader) {
    fail(path,
         fmt::format("damaged: a header of {} bytes (the most is {})", length, kLargestHeader));
  }
  if (length > file_bytes - kLengthBytes) {
    fail(path, fmt::format("truncated: a header of {} bytes in a file of {}", length, file_bytes));
  }
  std::string text(length, '\0');
  if (!file.read(text.data(), static_cast<std::streamsize>(length))) fail(path, "cannot be read");
  if (!text.starts_with('{')) fail(path, "damaged: the header does not begin with '{'");
  return text;
}

std::vector<std::uint64_t> natural_numbers(const json& list) {
  std::vector<std::uint64_t> numbers;
  if (!list.is_array()) throw std::invalid_argument("no list of numbers");
  for (const json& number : list) {
    if (!number.is_number_unsigned()) throw std::invalid_argument("not a natural number");
    numbers.push_back(number.get<std::uint64_t>());
  }
  return numbers;
}

SafetensorsEntry parse_entry(const std::string& name, const json& fields) {
  SafetensorsEntry entry;
  entry.name = name;
  entry.dtype = fields.at("dtype").get<std::string>();
  entry.shape = natural_numbers(fields.at("shape"));
  const std::vector<std::uint64_t> offsets = natural_numbers(fields.at("data_offsets"));
  if (offsets.size() != 2 || fields.size() != 3) throw std::invalid_argument("other fields");
  entry.begin = offsets[0];
  entry.end = offsets[1];
  return entry;
}

/// The bytes that a tensor of this type and shape takes; false where no file could hold them.
bool bytes_of(const SafetensorsEntry& entry, std::uint64_t& bytes) {
  bytes = size_of(entry.dtype);
  bool fits = true;
  for (const std::uint64_t extent : entry.shape) {
    fits = fits && !__builtin_mul_overflow(bytes, extent, &bytes);
  }
  return fits;
}

void require_fitting_bytes(const SafetensorsEntry& entry, const std::string& path) {
  const std::string name = shown(entry.name);
  if (size_of(entry.dtype) == 0) {
    fail(path, fmt::format("tensor '{}' has the unknown type '{}'", name, shown(entry.dtype)));
  }
  std::uint64_t bytes = 0;
  const bool possible = bytes_of(entry, bytes);
  if (entry.end < entry.begin || !possible || entry.end - entry.begin != bytes) {
    fail(path, fmt::format("damaged: tensor '{}', {} of shape [{}], cannot be bytes {} to {}", name,
                           entry.dtype, fmt::join(entry.shape, ", "), entry.begin, entry.end));
  }
}

/// `data_bytes` must be filled exactly: whatever lies between tensors could hide anything.
void require_no_holes(const std::vector<SafetensorsEntry>& sorted, std::uint64_t data_bytes,
                      const std::string& path) {
  std::uint64_t filled = 0;
  for (const SafetensorsEntry& entry : sorted) {
    if (entry.begin != filled) {
      fail(path, fmt::format("damaged: tensor '{}' begins at byte {} of the data, but {} at {}",
                             shown(entry.name), entry.begin,
                             entry.begin < filled ? "the one before it ends"
                                                  : "there is a hole behind the one that ends",
                             filled));
    }
    if (entry.end > data_bytes) {
      fail(path, fmt::format("truncated: tensor '{}' ends at byte {} of the data, of which there "
                             "are {}",
                             shown(entry.name), entry.end, data_bytes));
    }
    filled = entry.end;
  }
  if (filled != data_bytes) {
    fail(path, fmt::format("damaged: the tensors end at byte {} of the data, of which there are {}",
                           filled, data_bytes));
  }
}

// --- Values.

float from_half(std::uint16_t half) {
  const std::uint32_t sign = std::uint32_t(half & 0x8000U) << 16;
  const std::uint32_t exponent = (half >> 10) & 31U;
  const std::uint32_t mantissa = half & 1023U;
  if (exponent == 0) {
    const float value = std::ldexp(static_cast<float>(mantissa), -24);
    return sign != 0 ? -value : value;
  }
  const std::uint32_t wide = exponent == 31 ? 255 : exponent + 127 - 15;
  return std::bit_cast<float>(sign | wide << 23 | mantissa << 13);
}

float from_bfloat16(std::uint16_t bits) {
  return std::bit_cast<float>(std::uint32_t(bits) << 16);
}

template <typename Stored, typename Convert>
std::vector<float> converted(std::ifstream& file, std::uint64_t count, const Convert& convert) {
  constexpr std::uint64_t kPiece = std::uint64_t(1) << 18;
  std::vector<float> values;
  values.reserve(count);
  std::vector<Stored> piece(std::min(count, kPiece));
  while (values.size() < count) {
    piece.resize(std::min<std::uint64_t>(kPiece, count - values.size()));
    const auto bytes = static_cast<std::streamsize>(piece.size() * sizeof(Stored));
    if (!file.read(reinterpret_cast<char*>(piece.data()), bytes)) return {};
    std::transform(piece.begin(), piece.end(), std::back_inserter(values), convert);
  }
  return values;
}

void append(std::vector<std::byte>& bytes, std::span<const std::byte> more) {
  bytes.insert(bytes.end(), more.begin(), more.end());
}

}  // namespace

SafetensorsFile::SafetensorsFile(std::string path) : path_(std::move(path)) {
  file_.open(path_, std::ios::binary | std::ios::ate);
  if (!file_) fail(path_, fmt::format("cannot be read: {}", std::strerror(errno)));
  if (!std::filesystem::is_regular_file(path_)) fail(path_, "not a file");
  const auto file_bytes = static_cast<std::uint64_t>(std::max<std::streamoff>(0, file_.tellg()));
  file_.seekg(0);
  const std::string text = read_header(file_, file_bytes, path_);
  const json header = parse_header(text, path_);
  for (const auto& [name, fields] : header.items()) {
    try {
      if (name == kMetadata) {
        metadata_ = fields.get<std::map<std::string, std::string>>();
      } else {
        entries_.push_back(parse_entry(name, fields));
      }
    } catch (const std::exception&) {  // what the library says of a value has no place in it
      fail(path_,
           fmt::format("damaged: the header's entry '{}' is not as it should be", shown(name)));
    }
    if (name != kMetadata) require_fitting_bytes(entries_.back(), path_);
  }
  std::sort(entries_.begin(), entries_.end(), [](const auto& a, const auto& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  const std::uint64_t data_start = kLengthBytes + text.size();
  require_no_holes(entries_, file_bytes - data_start, path_);
  for (SafetensorsEntry& entry : entries_) {
    entry.begin += data_start;
    entry.end += data_start;
  }
}

std::vector<float> SafetensorsFile::read(const SafetensorsEntry& entry) {
  file_.clear();
  file_.seekg(static_cast<std::streamoff>(entry.begin));
  const std::uint64_t bytes = entry.end - entry.begin;
  std::vector<float> values;
  if (entry.dtype == "F32") {
    values = converted<float>(file_, bytes / 4, [](float value) { return value; });
  } else if (entry.dtype == "F64") {
    values = converted<double>(file_, bytes / 8, [](double v) { return static_cast<float>(v); });
  } else if (entry.dtype == "F16") {
    values = converted<std::uint16_t>(file_, bytes / 2, from_half);
  } else if (entry.dtype == "BF16") {
    values = converted<std::uint16_t>(file_, bytes / 2, from_bfloat16);
  } else {
    fail(path_, fmt::format("tensor '{}' is {}; weights are F64, F32, F16 or BF16",
                            shown(entry.name), entry.dtype));
  }
  if (!file_) fail(path_, fmt::format("tensor '{}' cannot be read", shown(entry.name)));
  return values;
}

void write_safetensors(const std::string& path, std::span<const SafetensorsTensor> tensors,
                       const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header;
  header[kMetadata] = metadata;
  std::uint64_t end = 0;
  for (const SafetensorsTensor& tensor : tensors) {
    const std::uint64_t begin = std::exchange(end, end + tensor.values.size_bytes());
    header[tensor.name] = {
        {"dtype", "F32"}, {"shape", tensor.shape}, {"data_offsets", {begin, end}}};
  }
  std::string text = header.dump();
  text.append((kAlignment - text.size() % kAlignment) % kAlignment, ' ');
  const std::uint64_t length = text.size();
  std::vector<std::byte> bytes;
  bytes.reserve(kLengthBytes + length + end);
  append(bytes, std::as_bytes(std::span(&length, 1)));
  append(bytes, std::as_bytes(std::span(text)));
  for (const SafetensorsTensor& tensor : tensors) append(bytes, std::as_bytes(tensor.values));
  data::replace_file(path, bytes);
}

}  // namespace resnext::worker
