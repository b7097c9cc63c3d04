#include "data/pack/packing_folder.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include <fmt/format.h>
#include <sys/file.h>

#include "data/durable_file.h"
#include "data/shard_header.h"

namespace resnext::data {
namespace fs = std::filesystem;

namespace {

const char* suffix(ShardStage stage) {
  switch (stage) {
    case ShardStage::kPartial:
      return ".partial";
    case ShardStage::kPacked:
      return ".packed";
    case ShardStage::kSealing:
      return ".sealing";
    case ShardStage::kSealed:
      break;
  }
  return ".sealed";
}

void create_folder(const std::string& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    throw std::runtime_error(fmt::format("{}: cannot be created: {}", folder, error.message()));
}

/// The set's shards in a folder, all or some, of this or another number of shards.
std::vector<fs::path> shards_of_set(const std::string& folder, const std::string& set_name) {
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const auto parsed = parse_shard_file_name(entry.path().filename().string());
    if (parsed && parsed->set_name == set_name) paths.push_back(entry.path());
  }
  return paths;
}

std::string manifest_text(const Manifest& manifest) {
  std::string text;
  for (const auto& [what, value] : manifest) text += fmt::format("{} = {}\n", what, value);
  return text;
}

std::string read_text(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

PackingFolder::PackingFolder(const std::string& out, const std::string& set_name,
                             std::uint64_t shards, const Manifest& manifest, bool replace)
    : out_(out),
      set_name_(set_name),
      folder_((fs::path(out) / (set_name + ".packing")).string()),
      shards_(shards) {
  create_folder(out_);
  const bool resumed = fs::exists(manifest_path());
  const bool same = resumed && read_text(manifest_path()) == manifest_text(manifest);
  const bool publishing = same && fs::exists(identity_path());
  if (!replace && !publishing && !shards_of_set(out_, set_name_).empty())
    throw std::runtime_error(
        fmt::format("{}: the set '{}' is there already; choose another name or folder, or replace "
                    "it with --force",
                    out_, set_name_));
  if (resumed && !same && !replace) require_same(manifest);
  create_folder(folder_);
  lock();
  if (same) {
    remove_unfinished();
  } else {
    for (const auto& entry : fs::directory_iterator(folder_)) fs::remove_all(entry.path());
  }
  if (publishing) identity_ = read_text(identity_path());
  if (!same) replace_file(manifest_path(), manifest_text(manifest));
  sync_folder(out_);
}

void PackingFolder::lock() {
  lock_.emplace(folder_, O_RDONLY | O_DIRECTORY);
  if (flock(lock_->id(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
    throw std::runtime_error(
        fmt::format("{}: another resnext-data is packing this set now", folder_));
}

void PackingFolder::require_same(const Manifest& manifest) const {
  std::ifstream file(manifest_path());
  std::string reason = "another version of this program";
  std::string line;
  for (const auto& [what, value] : manifest) {
    std::getline(file, line);
    if (line == fmt::format("{} = {}", what, value)) continue;
    if (line.starts_with(what + " = "))
      reason = fmt::format("{}: {} then, {} now", what, line.substr(what.size() + 3), value);
    break;
  }
  throw std::runtime_error(
      fmt::format("{}: an unfinished packing of another source or with other options ({}); repeat "
                  "its command to go on, or start afresh with --force",
                  folder_, reason));
}

void PackingFolder::remove_unfinished() const {
  for (const auto& entry : fs::directory_iterator(folder_)) {
    const std::string extension = entry.path().extension().string();
    if (extension == suffix(ShardStage::kPartial) || extension == suffix(ShardStage::kSealing))
      fs::remove(entry.path());
  }
}

std::string PackingFolder::final_path(std::uint64_t shard) const {
  return (fs::path(out_) / shard_file_name(set_name_, shard, shards_)).string();
}

std::string PackingFolder::path(std::uint64_t shard, ShardStage stage) const {
  return (fs::path(folder_) / shard_file_name(set_name_, shard, shards_)).string() + suffix(stage);
}

std::optional<ShardStage> PackingFolder::stage(std::uint64_t shard) const {
  for (const ShardStage stage : {ShardStage::kSealed, ShardStage::kPacked})
    if (fs::exists(path(shard, stage))) return stage;
  return std::nullopt;
}

void PackingFolder::move(std::uint64_t shard, ShardStage from, ShardStage to) const {
  fs::rename(path(shard, from), path(shard, to));
}

void PackingFolder::sync() const {
  sync_folder(folder_);
}

bool PackingFolder::has_finished_shards() const {
  for (std::uint64_t i = 0; i < shards_; ++i)
    if (stage(i)) return true;
  return false;
}

/// Of the shards under final names, those still sealed here are another set's, as are those of
/// another number; the rest came from here before an interruption.
void PackingFolder::remove_old_set() const {
  for (const auto& path : shards_of_set(out_, set_name_)) {
    const auto name = parse_shard_file_name(path.filename().string());
    if (name->count != shards_ || fs::exists(this->path(name->index, ShardStage::kSealed)))
      fs::remove(path);
  }
}

void PackingFolder::publish(const std::string& identity) {
  if (!identity_) replace_file(identity_path(), identity);
  remove_old_set();
  for (std::uint64_t i = 0; i < shards_; ++i) {
    if (fs::exists(path(i, ShardStage::kSealed)))
      fs::rename(path(i, ShardStage::kSealed), final_path(i));
    else if (!fs::exists(final_path(i)))
      throw std::runtime_error(
          fmt::format("{}: lost since it was packed; start afresh with --force", final_path(i)));
  }
  sync_folder(out_);
  remove();
}

void PackingFolder::remove() const {
  fs::remove_all(folder_);
}

}  // namespace resnext::data
