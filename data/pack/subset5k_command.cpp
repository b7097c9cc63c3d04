// resnext-data subset5k: chooses the classes of ImageNet-5K.

#include <filesystem>
#include <iostream>

#include <fmt/format.h>

#include "cli/program.h"
#include "data/class_names.h"
#include "data/commands.h"
#include "data/durable_file.h"
#include "data/pack/class_subset.h"
#include "data/pack/folder_listing.h"
#include "data/shard_header.h"
#include "data/shard_listing.h"
#include "data/shards.h"

namespace resnext::data {
namespace {
namespace fs = std::filesystem;
namespace po = boost::program_options;

constexpr const char* kUsage =
    R"(Usage: resnext-data subset5k --tree DIR --base BASE --out FILE [options]
       resnext-data subset5k --counts FILE --base BASE --out FILE [options]

Chooses the classes of ImageNet-5K: all of BASE and the 4000 largest others (of equals the first
by name). Writes their names to a file for `resnext-data pack TREE --classes FILE`, one a line in
the order of their labels. BASE is a file of class names, one a line, a set of shards (its
classes), or a tree of class folders.

)";

struct Subset5kOptions {
  std::string tree, counts, base, out, report;
  std::uint64_t others = 4000;
};

po::options_description visible_options(Subset5kOptions& options) {
  po::options_description visible("Options");
  auto add = visible.add_options();
  add("tree", po::value(&options.tree)->value_name("DIR"),
      "folder with a subfolder of images for each class; they are counted, not opened");
  add("counts", po::value(&options.counts)->value_name("FILE"),
      "number of images of each class instead, in lines like 'n01440764 1300'");
  add("base", po::value(&options.base)->value_name("FILE|SHARDS|DIR"),
      "classes that are chosen whatever their size");
  add("others", po::value(&options.others)->value_name("N"), "how many others are chosen [4000]");
  add("out", po::value(&options.out)->value_name("FILE"), "file for the chosen classes' names");
  add("report", po::value(&options.report)->value_name("FILE"), "file for the report, too");
  add("help,h", "show this help");
  return visible;
}

void require_consistent(const Subset5kOptions& options) {
  if (options.tree.empty() == options.counts.empty())
    throw cli::UsageError("give either --tree or --counts");
  if (options.base.empty())
    throw cli::UsageError("--base is missing: the classes that are chosen whatever their size");
  if (options.out.empty()) throw cli::UsageError("--out is missing: the file for the class names");
}

bool is_text_file(const std::string& path) {
  return fs::is_regular_file(path) && !parse_shard_file_name(fs::path(path).filename().string());
}

std::vector<std::string> base_classes(const std::string& base) {
  if (is_text_file(base)) return read_class_names_file(base);
  if (fs::is_directory(base) && list_shard_sets(base).empty()) return list_class_folders(base);
  return open_shards(base)->info().class_names;
}

void choose(const Subset5kOptions& options) {
  const std::vector<std::string> base = base_classes(options.base);
  const std::vector<ClassCount> counts =
      options.tree.empty() ? read_class_counts(options.counts) : count_class_folders(options.tree);
  ClassSubset subset;
  try {
    subset = choose_classes(counts, base, options.others);
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(
        fmt::format("{}: {}", options.tree.empty() ? options.counts : options.tree, error.what()));
  }
  const std::string report = describe(subset);
  replace_file(options.out, fmt::format("{}\n", fmt::join(subset.names, "\n")));
  if (!options.report.empty()) replace_file(options.report, report);
  fmt::print("{}", report);
}

}  // namespace

int subset5k_command(const std::vector<std::string>& arguments) {
  Subset5kOptions options;
  const po::options_description visible = visible_options(options);
  po::variables_map values = cli::parse_command_line(arguments, visible);
  if (values.contains("help")) {
    std::cout << kUsage << visible;
    return cli::kSuccess;
  }
  po::notify(values);
  require_consistent(options);
  choose(options);
  return cli::kSuccess;
}

}  // namespace resnext::data
