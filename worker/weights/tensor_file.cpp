#include "worker/weights/tensor_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "data/hdf5.h"
#include "worker/checkpoint.h"

namespace resnext::worker {
namespace {

constexpr std::string_view kHdf5Signature = "\x89HDF\r\n\x1a\n";
constexpr std::string_view kZipSignature = "PK\x03\x04";   // torch.save since PyTorch 1.6
constexpr std::string_view kPickleSignature = "\x80\x02";  // before
constexpr std::size_t kHeaderStart = 8;                    // of safetensors

std::string first_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error(fmt::format("{}: {}", path, std::strerror(errno)));
  if (!std::filesystem::is_regular_file(path)) {
    throw std::runtime_error(fmt::format("{}: not a file", path));
  }
  std::string bytes(kHeaderStart + 1, '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  return bytes;
}

bool is_counter(std::string_view name) {
  return name.ends_with(".num_batches_tracked");
}

TensorFile tensors_of_checkpoint(const std::string& path) {
  const auto file = std::make_shared<data::hdf5::File>(open_checkpoint(path));
  const bool averaged = file->exists("/average");
  std::vector<StoredTensor> tensors;
  std::vector<std::string> objects;
  for (const std::string group :
       {averaged ? "/average" : "/parameters", averaged ? "/average_statistics" : "/statistics"}) {
    for (const std::string& name : file->list(group)) {
      objects.push_back(fmt::format("{}/{}", group, name));
      tensors.push_back({name, "F32", file->dataset(objects.back()).dimensions()});
    }
  }
  return {path,
          fmt::format("checkpoint after {} steps, {}weights", file->integer_attribute("/", "step"),
                      averaged ? "averaged " : ""),
          file->string_attribute("/", "model"), std::move(tensors),
          [file, objects](std::size_t index) { return file->read<float>(objects[index]); }};
}

/// DistributedDataParallel puts this before every name.
std::size_t prefix_length(const std::vector<SafetensorsEntry>& entries) {
  constexpr std::string_view kPrefix = "module.";
  const bool all = std::all_of(entries.begin(), entries.end(),
                               [&](const auto& entry) { return entry.name.starts_with(kPrefix); });
  return all ? kPrefix.size() : 0;
}

TensorFile tensors_of_safetensors(const std::string& path) {
  const auto file = std::make_shared<SafetensorsFile>(path);
  const std::size_t prefix = prefix_length(file->entries());
  std::vector<StoredTensor> tensors;
  std::vector<SafetensorsEntry> entries;
  for (const SafetensorsEntry& entry : file->entries()) {
    if (is_counter(entry.name)) continue;
    tensors.push_back({entry.name.substr(prefix), entry.dtype, entry.shape});
    entries.push_back(entry);
  }
  const auto model = file->metadata().find("model");
  return {path, "safetensors", model == file->metadata().end() ? "" : model->second,
          std::move(tensors),
          [file, entries](std::size_t index) { return file->read(entries[index]); }};
}

}  // namespace

TensorFile::TensorFile(std::string path, std::string kind, std::string model,
                       std::vector<StoredTensor> tensors, Reader reader)
    : path_(std::move(path)),
      kind_(std::move(kind)),
      model_(std::move(model)),
      tensors_(std::move(tensors)),
      reader_(std::move(reader)) {
  for (std::size_t i = 0; i < tensors_.size(); ++i) index_.emplace(tensors_[i].name, i);
}

std::size_t TensorFile::find(const std::string& name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? tensors_.size() : found->second;
}

TensorFile open_tensor_file(const std::string& path) {
  const std::string start = first_bytes(path);
  if (start.starts_with(kHdf5Signature)) return tensors_of_checkpoint(path);
  if (start.starts_with(kZipSignature) || start.starts_with(kPickleSignature)) {
    throw std::runtime_error(fmt::format(
        "{}: looks like PyTorch's own format; scripts/pth_to_safetensors.py converts it", path));
  }
  if (start.size() > kHeaderStart && start[kHeaderStart] == '{')
    return tensors_of_safetensors(path);
  throw std::runtime_error(
      fmt::format("{}: neither a checkpoint of this program nor a safetensors file", path));
}

}  // namespace resnext::worker
