#include "data/pack/idx_reader.h"

#include <algorithm>
#include <filesystem>
#include <stdexcept>

#include <fmt/format.h>

#include "data/pack/gzip_file.h"
#include "data/pack/raw_images.h"

namespace resnext::data {
namespace fs = std::filesystem;

namespace {

constexpr std::uint8_t kUnsignedByte = 0x08;

struct IdxArray {
  std::vector<std::uint64_t> dimensions;
  std::vector<std::uint8_t> values;
};

/// Header: two zero bytes, type, number of dimensions; then each dimension as a big-endian uint32.
IdxArray read_array(const std::string& path) {
  IdxArray array;
  array.values = read_maybe_gzipped(path);
  const auto& bytes = array.values;
  const std::size_t rank = bytes.size() < 4 ? 0 : bytes[3];
  const std::size_t header = 4 + rank * 4;
  if (rank == 0 || bytes[0] != 0 || bytes[1] != 0 || bytes.size() < header)
    throw std::runtime_error(path + ": not an IDX file");
  if (bytes[2] != kUnsignedByte)
    throw std::runtime_error(
        fmt::format("{}: IDX of type {:#x}; only bytes (0x8) are read", path, bytes[2]));
  std::uint64_t count = 1;
  for (std::size_t at = 4; at < header; at += 4) {
    const std::uint64_t size =
        std::uint64_t(bytes[at]) << 24 | bytes[at + 1] << 16 | bytes[at + 2] << 8 | bytes[at + 3];
    array.dimensions.push_back(size);
    // Beyond 2^48 the file is damaged for certain, and the product could overflow.
    count = std::min(count * size, std::uint64_t(1) << 48);
  }
  if (bytes.size() - header != count)
    throw std::runtime_error(
        fmt::format("{}: truncated or damaged: {} bytes of values, but its header says {}", path,
                    bytes.size() - header, fmt::join(array.dimensions, "x")));
  array.values.erase(array.values.begin(),
                     array.values.begin() + static_cast<std::ptrdiff_t>(header));
  return array;
}

std::vector<std::string> numbers_up_to(const std::vector<std::uint8_t>& labels) {
  std::vector<std::string> names;
  for (int i = 0; i <= *std::max_element(labels.begin(), labels.end()); ++i)
    names.push_back(std::to_string(i));
  return names;
}

}  // namespace

IdxFiles find_idx_files(const std::string& folder, const std::string& split) {
  const std::string start = split == "train" ? "train" : "t10k";
  const auto find = [&](const std::string& name) -> std::string {
    for (const char* ending : {"", ".gz"}) {
      const fs::path path = fs::path(folder) / (name + ending);
      if (fs::exists(path)) return path.string();
    }
    return {};
  };
  return {find(start + "-images-idx3-ubyte"), find(start + "-labels-idx1-ubyte")};
}

std::unique_ptr<PackSource> read_idx(const IdxFiles& files,
                                     const std::vector<std::string>& class_names) {
  IdxArray images = read_array(files.images);
  const IdxArray labels = read_array(files.labels);
  const auto& shape = images.dimensions;
  const bool has_channels = shape.size() == 4;
  if ((shape.size() != 3 && !has_channels) || (has_channels && shape[3] != 1 && shape[3] != 3))
    throw std::runtime_error(
        fmt::format("{}: holds {}, not images", files.images, fmt::join(shape, "x")));
  if (labels.dimensions.size() != 1 || labels.dimensions[0] != shape[0])
    throw std::runtime_error(fmt::format("{}: {} labels for the {} images of {}", files.labels,
                                         fmt::join(labels.dimensions, "x"), shape[0],
                                         files.images));
  if (images.values.empty()) throw std::runtime_error(files.images + ": no images");

  DatasetInfo info;
  info.name = files.labels;
  info.size = shape[0];
  info.height = static_cast<int>(shape[1]);
  info.width = static_cast<int>(shape[2]);
  info.channels = has_channels ? static_cast<int>(shape[3]) : 1;
  info.class_names = class_names.empty() ? numbers_up_to(labels.values) : class_names;
  return std::make_unique<RawImages>(
      std::move(info), std::move(images.values),
      std::vector<std::int32_t>(labels.values.begin(), labels.values.end()));
}

}  // namespace resnext::data
