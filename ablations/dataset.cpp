#include "ablations/dataset.h"

#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "ablations/child_process.h"
#include "ablations/toml_table.h"
#include "cli/program.h"

namespace resnext::ablations {
namespace {

namespace fs = std::filesystem;

constexpr int kBuiltInClasses = 10;

Dataset read_dataset(const std::string& name, const TomlTable& file) {
  file.require_known_keys({"title", "images", "advice", "input", "classes", "options",
                           "training_images", "validation_images", "synthetic_instead", "layouts"});
  Dataset set;
  set.name = name;
  set.title = file.text("title");
  set.images = file.text_or("images", "");
  set.advice = file.text("advice");
  set.input = file.text("input");
  set.classes = file.positive_or("classes", 0);
  if (set.classes == 0) file.fail("classes", "the data set does not say how many classes it has");
  set.options = file.options("options");
  set.training_images = static_cast<std::uint64_t>(file.positive_or("training_images", 1));
  set.validation_images = static_cast<std::uint64_t>(file.positive_or("validation_images", 1));
  set.synthetic_instead = file.boolean_or("synthetic_instead", false);
  for (const TomlTable& layout : file.tables("layouts")) {
    layout.require_known_keys({"needs", "training", "validation"});
    set.layouts.push_back(
        {layout.text("needs"), layout.texts("training"), layout.texts("validation")});
  }
  return set;
}

struct Inspected {
  std::string identity;
  std::uint64_t images = 0;
};

Inspected inspect(const std::string& shards, const Programs& programs) {
  const auto sets = nlohmann::json::parse(capture({programs.data, "inspect", shards, "--json"}));
  return {sets.at(0).at("identity"), sets.at(0).at("samples")};
}

ShardSets inspect_both(const std::string& training, const std::string& validation,
                       const Programs& programs) {
  const Inspected train = inspect(training, programs);
  const Inspected test = inspect(validation, programs);
  return {training, validation, train.identity, test.identity, train.images, test.images};
}

std::string packed_path(const Dataset& set, const std::string& folder, const char* part) {
  return fs::path(folder) / fmt::format("{}-{}", set.name, part);
}

/// A set that is packed to the end: unfinished ones have no file of this name.
bool is_packed(const std::string& shards) {
  const fs::path path(shards);
  if (!fs::is_directory(path.parent_path())) return false;
  const std::string start = path.filename().string() + "-00000-of-";
  for (const auto& entry : fs::directory_iterator(path.parent_path())) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(start) && name.ends_with(".h5")) return true;
  }
  return false;
}

std::string images_folder(const Dataset& set, const DataSource& source) {
  return source.images.empty() ? set.images : source.images;
}

/// The layout of the folder; nullptr where there is no such folder. Throws where it is no layout.
const Layout* find_layout(const Dataset& set, const DataSource& source) {
  const std::string folder = images_folder(set, source);
  if (set.layouts.empty()) return nullptr;
  if (folder.empty() || !fs::is_directory(folder)) {
    if (!source.images.empty()) {
      throw cli::UsageError(fmt::format("--images: '{}' is not a folder", source.images));
    }
    return nullptr;
  }
  std::vector<std::string> needed;
  for (const Layout& layout : set.layouts) {
    if (fs::exists(fs::path(folder) / layout.needs)) return &layout;
    needed.push_back(fmt::format("'{}'", layout.needs));
  }
  throw cli::UsageError(fmt::format("'{}' is no folder of {}: it has no {}. {}", folder, set.title,
                                    fmt::join(needed, " or "), set.advice));
}

bool is_synthetic(const Dataset& set, const DataSource& source) {
  return set.synthetic_instead && source.training_shards.empty() &&
         find_layout(set, source) == nullptr;
}

const Layout& require_layout(const Dataset& set, const DataSource& source) {
  if (const Layout* layout = find_layout(set, source)) return *layout;
  throw cli::UsageError(
      fmt::format("no images of {}; give --images DIR, or --data and --val-data with shards. {}",
                  set.title, set.advice));
}

std::string replaced(std::string text, const std::string& mark, const std::string& value) {
  const auto at = text.find(mark);
  return at == std::string::npos ? text : text.replace(at, mark.size(), value);
}

void pack(const std::vector<std::string>& arguments, const std::string& images,
          const std::string& training, const std::string& shards, const Programs& programs) {
  if (is_packed(shards)) return;
  std::vector<std::string> line{programs.data, "pack"};
  for (const std::string& argument : arguments) {
    line.push_back(replaced(replaced(argument, "{images}", images), "{training}", training));
  }
  const fs::path path(shards);
  line.insert(line.end(), {"--out", path.parent_path(), "--name", path.filename()});
  capture(line);
}

}  // namespace

std::map<std::string, Dataset> read_datasets(const std::string& path) {
  const TomlTable file = TomlTable::read(path);
  std::map<std::string, Dataset> sets;
  for (const std::string& name : file.keys()) {
    sets.emplace(name, read_dataset(name, file.table(name)));
  }
  return sets;
}

Dataset built_in_instead(const Dataset& set) {
  Dataset built_in;
  built_in.name = set.name;
  built_in.title = set.title + " is not there: on the worker's built-in images";
  built_in.classes = kBuiltInClasses;
  return built_in;
}

std::optional<ShardSets> find_shards(const Dataset& set, const DataSource& source,
                                     const std::string& folder, const Programs& programs) {
  if (source.training_shards.empty() != source.validation_shards.empty()) {
    throw cli::UsageError("--data and --val-data: give both, or neither");
  }
  if (!source.training_shards.empty()) {
    return inspect_both(fs::absolute(source.training_shards),
                        fs::absolute(source.validation_shards), programs);
  }
  const std::string training = packed_path(set, folder, "train");
  const std::string validation = packed_path(set, folder, "validation");
  if (is_packed(training) && is_packed(validation)) {
    return inspect_both(training, validation, programs);
  }
  if (is_synthetic(set, source)) return ShardSets{"", "", "synthetic", "synthetic", 0, 0};
  return std::nullopt;
}

ShardSets planned_shards(const Dataset& set, const std::string& folder) {
  return {packed_path(set, folder, "train"),
          packed_path(set, folder, "validation"),
          "unpacked",
          "unpacked",
          set.training_images,
          set.validation_images};
}

std::uint64_t bytes_to_pack(const Dataset& set, const DataSource& source) {
  if (is_synthetic(set, source)) return 0;
  require_layout(set, source);
  std::uint64_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(images_folder(set, source))) {
    if (!entry.is_regular_file()) continue;
    const bool compressed = entry.path().extension() == ".gz";
    bytes += entry.file_size() * (compressed ? 3 : 1) + 64;
  }
  return bytes;
}

ShardSets pack_shards(const Dataset& set, const DataSource& source, const std::string& folder,
                      const Programs& programs) {
  const Layout& layout = require_layout(set, source);
  const std::string images = images_folder(set, source);
  const std::string training = packed_path(set, folder, "train");
  const std::string validation = packed_path(set, folder, "validation");
  fs::create_directories(folder);
  pack(layout.training, images, training, training, programs);
  pack(layout.validation, images, training, validation, programs);
  return inspect_both(training, validation, programs);
}

}  // namespace resnext::ablations
