// resnext-data pack: from images as they come to HDF5 shards.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <numeric>
#include <thread>

#include <fmt/format.h>

#include "cli/nearest_name.h"
#include "cli/program.h"
#include "data/class_names.h"
#include "data/commands.h"
#include "data/pack/cifar_reader.h"
#include "data/pack/class_folders.h"
#include "data/pack/idx_reader.h"
#include "data/pack/packing_plan.h"
#include "data/pack/progress.h"
#include "data/pack/shard_writer.h"
#include "data/sampler.h"
#include "data/shards.h"

namespace resnext::data {
namespace {
namespace fs = std::filesystem;
namespace po = boost::program_options;

constexpr const char* kUsage = R"(Usage: resnext-data pack SOURCE --out DIR [options]
       resnext-data pack --images FILE --labels FILE --out DIR [options]

Packs labelled images into HDF5 shards DIR/NAME-00000-of-00001.h5. SOURCE is
  a folder with a subfolder of JPEGs and PNGs for each class (stored unchanged),
  a folder with the four IDX files of MNIST or its kin, gzipped or not, or
  a folder with the binary batches of CIFAR-10 or CIFAR-100.
If it is interrupted, even by a kill, the same command goes on with what is finished.

)";

/// What a shard comes to by default: large enough to stream, small enough to copy and to lose.
constexpr std::uint64_t kShardBytes = std::uint64_t(512) << 20;

const std::vector<std::string> kFormats = {"auto", "folders", "idx", "cifar10", "cifar100"};

struct PackOptions {
  std::string source, images, labels;
  std::string format = "auto";
  std::string split = "train";
  std::string class_names_file, classes_from, classes_file;
  bool skip_bad = false;
  bool dry_run = false;
  double rate = 0.0;  ///< samples a second that a dry run assumes; 0: measured
  unsigned jobs = std::max(1u, std::thread::hardware_concurrency());
  bool shuffle = false, no_shuffle = false;
  std::uint64_t seed = 0;
  std::uint64_t shards = 0, samples_per_shard = 0;  ///< 0: not given
  WriteOptions write;
};

po::options_description visible_options(PackOptions& options) {
  po::options_description visible("Options");
  auto add = visible.add_options();
  add("out", po::value(&options.write.folder)->value_name("DIR"), "folder for the shards");
  add("name", po::value(&options.write.set_name)->value_name("NAME"),
      "name of the set [that of --split]");
  add("split", po::value(&options.split)->value_name("train|test"),
      "which part of an IDX or CIFAR folder to pack [train]");
  add("format", po::value(&options.format)->value_name("NAME"),
      "auto, folders, idx, cifar10 or cifar100 [auto]");
  add("images", po::value(&options.images)->value_name("FILE"), "IDX file of images");
  add("labels", po::value(&options.labels)->value_name("FILE"), "IDX file of labels");
  add("shards", po::value(&options.shards)->value_name("N"), "number of shards [512 MiB each]");
  add("samples-per-shard", po::value(&options.samples_per_shard)->value_name("N"),
      "samples in a shard, at most");
  add("shuffle", po::bool_switch(&options.shuffle), "mix the samples [for class folders]");
  add("no-shuffle", po::bool_switch(&options.no_shuffle),
      "keep the order of the source [for IDX and CIFAR]");
  add("seed", po::value(&options.seed)->value_name("N"), "of the shuffling [0]");
  add("classes-from", po::value(&options.classes_from)->value_name("SHARDS"),
      "require the classes of another set, such as the training set");
  add("classes", po::value(&options.classes_file)->value_name("FILE"),
      "pack only these classes of a larger tree, one a line, numbered in the order of their names");
  add("class-names", po::value(&options.class_names_file)->value_name("FILE"),
      "names of the classes, one a line, in the order of the labels");
  add("skip-bad", po::bool_switch(&options.skip_bad),
      "leave out files that are neither JPEG nor PNG, and list them");
  add("force", po::bool_switch(&options.write.replace),
      "replace a set of that name, or another unfinished packing of it");
  add("jobs", po::value(&options.jobs)->value_name("N"),
      "threads that read and checksum; they do not change the result [all cores]");
  add("dry-run", po::bool_switch(&options.dry_run),
      "only say how large the set will be, and how long packing it takes");
  add("rate", po::value(&options.rate)->value_name("N"),
      "samples a second for --dry-run to assume [measured by reading some]");
  add("help,h", "show this help");
  return visible;
}

void require_consistent(const PackOptions& options) {
  const auto require = [](bool good, const char* message) {
    if (!good) throw cli::UsageError(message);
  };
  require(options.dry_run || !options.write.folder.empty(),
          "--out is missing: the folder for the shards");
  require(options.images.empty() == options.labels.empty(), "--images and --labels go together");
  require(options.source.empty() != options.images.empty(),
          "give either a SOURCE folder, or --images and --labels");
  require(!options.shuffle || !options.no_shuffle, "--shuffle contradicts --no-shuffle");
  require(options.shards == 0 || options.samples_per_shard == 0,
          "--shards contradicts --samples-per-shard");
  require(options.classes_from.empty() || options.class_names_file.empty(),
          "--classes-from contradicts --class-names");
  require(options.classes_file.empty() ||
              (options.classes_from.empty() && options.class_names_file.empty()),
          "--classes contradicts --classes-from and --class-names");
  require(options.jobs >= 1 && options.jobs <= 1024, "--jobs must be 1 to 1024");
  require(options.rate >= 0.0 && std::isfinite(options.rate), "--rate must be above 0");
  require(options.rate == 0.0 || options.dry_run, "--rate is for --dry-run");
  require(options.split == "train" || options.split == "test", "--split must be train or test");
  if (std::find(kFormats.begin(), kFormats.end(), options.format) == kFormats.end())
    throw cli::UsageError(fmt::format("--format: unknown format '{}'{}", options.format,
                                      cli::did_you_mean(options.format, kFormats)));
  require(options.images.empty() || options.format == "auto" || options.format == "idx",
          "--images and --labels are for --format idx");
}

std::string detect_format(const PackOptions& options) {
  if (options.format != "auto") return options.format;
  if (!options.images.empty()) return "idx";
  const auto has_idx = [&](const std::string& split) {
    return !find_idx_files(options.source, split).images.empty();
  };
  if (has_idx("train") || has_idx("test")) return "idx";
  if (is_cifar_folder(options.source, CifarKind::k10)) return "cifar10";
  if (is_cifar_folder(options.source, CifarKind::k100)) return "cifar100";
  return "folders";
}

std::vector<std::string> wanted_class_names(const PackOptions& options) {
  if (!options.classes_from.empty()) return open_shards(options.classes_from)->info().class_names;
  if (!options.class_names_file.empty()) return read_class_names_file(options.class_names_file);
  return {};
}

ClassFolderOptions class_folder_options(const PackOptions& options, Progress& progress) {
  ClassFolderOptions folders;
  folders.folder = options.source;
  folders.skip_bad = options.skip_bad;
  folders.jobs = options.jobs;
  folders.progress = &progress;
  if (options.classes_file.empty()) {
    folders.class_names = wanted_class_names(options);
    if (!folders.class_names.empty()) folders.match = ClassMatch::kExact;
  } else {
    folders.class_names = read_class_names_file(options.classes_file);
    std::sort(folders.class_names.begin(), folders.class_names.end());
    folders.match = ClassMatch::kOnly;
  }
  return folders;
}

IdxFiles idx_files(const PackOptions& options) {
  if (!options.images.empty()) return {options.images, options.labels};
  IdxFiles files = find_idx_files(options.source, options.split);
  if (files.images.empty() || files.labels.empty())
    throw std::runtime_error(fmt::format(
        "{}: no {}-{}[.gz] here", options.source, options.split == "train" ? "train" : "t10k",
        files.images.empty() ? "images-idx3-ubyte" : "labels-idx1-ubyte"));
  return files;
}

std::unique_ptr<PackSource> open_source(const PackOptions& options, const std::string& format,
                                        Progress& progress, std::vector<BadFile>& skipped) {
  if (!options.source.empty() && !fs::is_directory(options.source))
    throw std::runtime_error(fmt::format(
        "{}: {}", options.source, fs::exists(options.source) ? "not a folder" : "no such folder"));
  if (format == "folders")
    return open_class_folders(class_folder_options(options, progress), skipped);
  if (!options.classes_file.empty())
    throw cli::UsageError("--classes is for class folders, not for " + format);
  const std::vector<std::string> class_names = wanted_class_names(options);
  if (format == "idx") return read_idx(idx_files(options), class_names);
  return read_cifar(options.source, format == "cifar10" ? CifarKind::k10 : CifarKind::k100,
                    options.split, class_names);
}

std::uint64_t count_shards(const PackOptions& options, const PackSource& source) {
  const std::uint64_t samples = source.info().size;
  if (options.shards > samples)
    throw cli::UsageError(
        fmt::format("--shards {}: there are only {} samples", options.shards, samples));
  if (options.shards > 0) return options.shards;
  if (options.samples_per_shard > 0) return (samples - 1) / options.samples_per_shard + 1;
  std::uint64_t bytes = 0;
  for (std::uint64_t i = 0; i < samples; ++i) bytes += source.sample_bytes(i);
  return std::clamp<std::uint64_t>((bytes + kShardBytes - 1) / kShardBytes, 1, samples);
}

std::vector<std::uint32_t> packing_order(const PackOptions& options, const std::string& format,
                                         std::size_t samples) {
  if (options.shuffle || (format == "folders" && !options.no_shuffle))
    return epoch_permutation(options.seed, 1, samples);
  std::vector<std::uint32_t> order(samples);
  std::iota(order.begin(), order.end(), 0u);
  return order;
}

void report_skipped(const std::vector<BadFile>& skipped) {
  for (const auto& file : skipped) fmt::print("skipped {}: {}\n", file.path, file.reason);
  if (!skipped.empty()) fmt::print("skipped {} files that are no images\n", skipped.size());
}

int pack(PackOptions& options) {
  Progress progress;
  const std::string format = detect_format(options);
  std::vector<BadFile> skipped;
  const auto source = open_source(options, format, progress, skipped);
  report_skipped(skipped);
  const std::size_t samples = source->info().size;
  options.write.shards = count_shards(options, *source);
  options.write.progress = &progress;
  options.write.jobs = options.jobs;
  const std::vector<std::uint32_t> order = packing_order(options, format, samples);
  if (options.dry_run) {
    fmt::print("{}", describe_packing(*source, order, options.write, options.rate));
    return cli::kSuccess;
  }
  const WrittenSet written = write_shards(*source, order, options.write);
  fmt::print(
      "packed {} samples of {} classes ({:.1f} MB) into {} shard{} of set '{}' in {}, identity "
      "{}{}\n",
      samples, source->info().classes(), static_cast<double>(written.sample_bytes) / 1e6,
      options.write.shards, options.write.shards == 1 ? "" : "s", options.write.set_name,
      options.write.folder, written.identity,
      written.kept_shards == 0
          ? ""
          : fmt::format(" ({} shards kept from an earlier run)", written.kept_shards));
  return cli::kSuccess;
}

}  // namespace

int pack_command(const std::vector<std::string>& arguments) {
  PackOptions options;
  const po::options_description visible = visible_options(options);
  po::options_description all;
  all.add(visible);
  all.add_options()("source", po::value(&options.source));
  po::positional_options_description positional;
  positional.add("source", 1);
  options.write.set_name.clear();
  po::variables_map values = cli::parse_command_line(arguments, all, positional);
  if (values.contains("help")) {
    std::cout << kUsage << visible;
    return cli::kSuccess;
  }
  po::notify(values);
  if (options.write.set_name.empty()) options.write.set_name = options.split;
  require_consistent(options);
  return pack(options);
}

}  // namespace resnext::data
