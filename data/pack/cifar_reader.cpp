#include "data/pack/cifar_reader.h"

#include <filesystem>
#include <stdexcept>

#include <fmt/format.h>

#include "data/class_names.h"
#include "data/pack/gzip_file.h"
#include "data/pack/raw_images.h"

namespace resnext::data {
namespace fs = std::filesystem;

namespace {

constexpr std::size_t kSide = 32;
constexpr std::size_t kPlane = kSide * kSide;
constexpr std::size_t kPixels = 3 * kPlane;

/// Bytes before the pixels of a record; the last of them is the (fine) label.
std::size_t label_bytes(CifarKind kind) {
  return kind == CifarKind::k10 ? 1 : 2;
}

std::vector<std::string> batch_names(CifarKind kind, const std::string& split) {
  if (kind == CifarKind::k100) return {split + ".bin"};
  if (split == "test") return {"test_batch.bin"};
  std::vector<std::string> names;
  for (int i = 1; i <= 5; ++i) names.push_back(fmt::format("data_batch_{}.bin", i));
  return names;
}

/// Records hold planes of red, green and blue; appends them as H, W, C.
void append_batch(const std::string& path, CifarKind kind, std::vector<std::uint8_t>& pixels,
                  std::vector<std::int32_t>& labels) {
  const std::vector<std::uint8_t> bytes = read_maybe_gzipped(path);
  const std::size_t record = label_bytes(kind) + kPixels;
  if (bytes.empty() || bytes.size() % record != 0)
    throw std::runtime_error(
        fmt::format("{}: truncated or no CIFAR batch: {} bytes are not whole records of {}", path,
                    bytes.size(), record));
  for (std::size_t at = 0; at < bytes.size(); at += record) {
    const std::uint8_t* image = bytes.data() + at + label_bytes(kind);
    labels.push_back(image[-1]);
    for (std::size_t i = 0; i < kPlane; ++i)
      for (std::size_t c = 0; c < 3; ++c) pixels.push_back(image[c * kPlane + i]);
  }
}

}  // namespace

bool is_cifar_folder(const std::string& folder, CifarKind kind) {
  return fs::exists(fs::path(folder) / batch_names(kind, "train").front()) ||
         fs::exists(fs::path(folder) / batch_names(kind, "test").front());
}

std::unique_ptr<PackSource> read_cifar(const std::string& folder, CifarKind kind,
                                       const std::string& split,
                                       const std::vector<std::string>& class_names) {
  std::vector<std::uint8_t> pixels;
  std::vector<std::int32_t> labels;
  for (const auto& name : batch_names(kind, split))
    append_batch((fs::path(folder) / name).string(), kind, pixels, labels);
  const char* names_file = kind == CifarKind::k10 ? "batches.meta.txt" : "fine_label_names.txt";

  DatasetInfo info;
  info.name = folder;
  info.size = labels.size();
  info.height = info.width = static_cast<int>(kSide);
  info.class_names = class_names.empty()
                         ? read_class_names_file((fs::path(folder) / names_file).string())
                         : class_names;
  return std::make_unique<RawImages>(std::move(info), std::move(pixels), std::move(labels));
}

}  // namespace resnext::data
