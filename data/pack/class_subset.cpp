#include "data/pack/class_subset.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <unordered_set>

#include <fmt/format.h>

#include "cli/nearest_name.h"
#include "data/pack/folder_listing.h"

namespace resnext::data {
namespace fs = std::filesystem;

namespace {

using Names = std::unordered_set<std::string>;

void require_base_counted(const std::vector<ClassCount>& counts,
                          const std::vector<std::string>& base) {
  Names with_images;
  for (const auto& entry : counts)
    if (entry.images > 0) with_images.insert(entry.name);
  std::vector<std::string> absent;
  for (const auto& name : base)
    if (!with_images.contains(name)) absent.push_back(name);
  if (absent.empty()) return;
  std::vector<std::string> candidates(with_images.begin(), with_images.end());
  std::sort(candidates.begin(), candidates.end());
  throw std::runtime_error(
      fmt::format("no images of the base's class '{}'{}{}", absent[0],
                  absent.size() == 1 ? "" : fmt::format(" and {} others", absent.size() - 1),
                  cli::did_you_mean(absent[0], candidates)));
}

/// Largest first, of equals the first by name.
bool comes_before(const ClassCount& a, const ClassCount& b) {
  return a.images != b.images ? a.images > b.images : a.name < b.name;
}

std::string described(const ClassCount& entry) {
  return fmt::format("{} with {} images", entry.name, entry.images);
}

/// The number that ends the line after white space, which is cut off with it; nullopt if none does.
std::optional<std::uint64_t> take_count(std::string& line) {
  const auto last_blank = line.find_last_of(" \t");
  if (last_blank == std::string::npos) return std::nullopt;
  std::uint64_t count = 0;
  const char* end = line.data() + line.size();
  const auto [stopped, error] = std::from_chars(line.data() + last_blank + 1, end, count);
  if (error != std::errc() || stopped != end) return std::nullopt;
  line.resize(line.find_last_not_of(" \t", last_blank) + 1);
  return count;
}

bool is_called_image(const std::string& name) {
  std::string extension = fs::path(name).extension().string();
  for (char& c : extension)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return extension == ".jpg" || extension == ".jpeg" || extension == ".png";
}

}  // namespace

ClassSubset choose_classes(const std::vector<ClassCount>& counts,
                           const std::vector<std::string>& base, std::uint64_t others) {
  require_base_counted(counts, base);
  const Names in_base(base.begin(), base.end());
  ClassSubset subset;
  subset.names = base;
  subset.base_classes = base.size();
  std::vector<ClassCount> candidates;
  for (const auto& entry : counts) {
    if (in_base.contains(entry.name))
      subset.base_images += entry.images;
    else if (entry.images > 0)
      candidates.push_back(entry);
  }
  if (candidates.size() < others)
    throw std::runtime_error(fmt::format(
        "only {} classes besides the {} of the base have images, {} asked for (--others)",
        candidates.size(), base.size(), others));
  std::sort(candidates.begin(), candidates.end(), comes_before);
  for (std::uint64_t i = 0; i < others; ++i) {
    subset.names.push_back(candidates[i].name);
    subset.other_images += candidates[i].images;
  }
  subset.other_classes = others;
  subset.left_out = candidates.size() - others;
  if (others > 0) subset.smallest = candidates[others - 1];
  if (subset.left_out > 0) subset.largest_left = candidates[others];
  if (subset.smallest && subset.largest_left &&
      subset.smallest->images == subset.largest_left->images)
    subset.tied = static_cast<std::uint64_t>(std::count_if(
        candidates.begin(), candidates.end(),
        [&](const ClassCount& entry) { return entry.images == subset.smallest->images; }));
  std::sort(subset.names.begin(), subset.names.end());
  return subset;
}

std::string describe(const ClassSubset& subset) {
  std::string text;
  const auto add = [&](const char* what, const std::string& value) {
    text += fmt::format("{:<20}{}\n", what, value);
  };
  add("classes", fmt::format("{}: {} of the base and {} others", subset.names.size(),
                             subset.base_classes, subset.other_classes));
  add("images", fmt::format("{}: {} of the base and {} of the others",
                            subset.base_images + subset.other_images, subset.base_images,
                            subset.other_images));
  if (subset.smallest) add("smallest other", described(*subset.smallest));
  add("classes left out",
      fmt::format("{}{}", subset.left_out,
                  subset.largest_left ? ", the largest " + described(*subset.largest_left) : ""));
  if (subset.tied > 0)
    add("ties", fmt::format("{} classes have {} images; the first of them by name are chosen",
                            subset.tied, subset.smallest->images));
  return text;
}

std::vector<ClassCount> read_class_counts(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error(path + ": cannot be read");
  std::vector<ClassCount> counts;
  Names seen;
  std::uint64_t number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (line.ends_with('\r')) line.pop_back();
    if (line.find_first_not_of(" \t") == std::string::npos) continue;
    std::string name = line;
    const auto images = take_count(name);
    if (!images || name.empty())
      throw std::runtime_error(
          fmt::format("{}: line {}: '{}' is not a class and its number of images, such as "
                      "'n01440764 1300'",
                      path, number, line));
    if (!seen.insert(name).second)
      throw std::runtime_error(
          fmt::format("{}: line {}: the class '{}' is there twice", path, number, name));
    counts.push_back({name, *images});
  }
  if (counts.empty()) throw std::runtime_error(path + ": no classes");
  return counts;
}

std::vector<ClassCount> count_class_folders(const std::string& tree) {
  std::vector<ClassCount> counts;
  for (const auto& name : list_class_folders(tree)) {
    const FolderContents contents = list_folder((fs::path(tree) / name).string());
    counts.push_back({name, static_cast<std::uint64_t>(std::count_if(
                                contents.files.begin(), contents.files.end(), is_called_image))});
  }
  return counts;
}

}  // namespace resnext::data
