// resnext-data verify: checks and decodes every sample, and names each bad one.

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <mutex>
#include <thread>

#include <fmt/format.h>

#include "cli/program.h"
#include "data/commands.h"
#include "data/decode/decode.h"
#include "data/shard_listing.h"
#include "data/shards.h"

namespace resnext::data {
namespace {
namespace po = boost::program_options;

constexpr const char* kUsage = R"(Usage: resnext-data verify PATH [--threads N]

Checks that shards are whole: every shard there, checksums and labels right, every image
decodes. Names each bad sample; exit code 1 if there is any. PATH is a folder, FOLDER/NAME
for the set NAME of a folder, or one shard.

)";

/// Checks one shard with several threads, which take turns in reading and decode on their own.
class ShardCheck {
 public:
  explicit ShardCheck(const std::string& path)
      : shard_(path), classes_(static_cast<int>(shard_.class_names().size())) {}

  void run(unsigned threads) {
    std::vector<std::jthread> workers;
    for (unsigned i = 0; i < threads; ++i) workers.emplace_back([this] { check_samples(); });
    workers.clear();
    if (bad_.empty() && !shard_.index_is_intact())
      bad_.emplace_back(0, shard_.path() + ": its index is damaged");
    std::sort(bad_.begin(), bad_.end());
  }

  std::uint64_t samples() const { return shard_.labels().size(); }
  std::vector<std::string> problems() const {
    std::vector<std::string> lines;
    for (const auto& [index, line] : bad_) lines.push_back(line);
    return lines;
  }

 private:
  void check_samples() {
    StoredSample sample;
    Image image;
    for (;;) {
      std::uint64_t index = 0;
      if (!read_next(sample, index)) return;
      if (sample.bytes.empty() || shard_.header().encoding == Encoding::kRaw) continue;
      try {
        decode_image(sample.bytes, image);
      } catch (const std::exception& error) {
        const std::lock_guard lock(mutex_);
        bad_.emplace_back(index, fmt::format("{}: {}", shard_.sample_name(index), error.what()));
      }
    }
  }

  /// False at the end. A sample that cannot be read is noted, and its bytes left empty.
  bool read_next(StoredSample& sample, std::uint64_t& index) {
    const std::lock_guard lock(mutex_);
    if (next_ == samples()) return false;
    index = next_++;
    try {
      shard_.read(index, classes_, sample);
    } catch (const std::exception& error) {
      bad_.emplace_back(index, error.what());
      sample.bytes.clear();
    }
    return true;
  }

  Shard shard_;
  int classes_;
  std::mutex mutex_;  ///< guards all below, and reading
  std::uint64_t next_ = 0;
  std::vector<std::pair<std::uint64_t, std::string>> bad_;
};

struct Findings {
  std::uint64_t samples = 0, shards = 0, problems = 0;

  void note(const std::string& problem) {
    ++problems;
    fmt::print("{}\n", problem);
  }
};

void verify_shard(const std::string& path, unsigned threads, Findings& findings) {
  try {
    ShardCheck check(path);
    check.run(threads);
    ++findings.shards;
    findings.samples += check.samples();
    for (const auto& problem : check.problems()) findings.note(problem);
  } catch (const std::exception& error) {
    findings.note(error.what());
  }
}

void verify_set(const ShardListing& listing, unsigned threads, Findings& findings) {
  const std::uint64_t before = findings.problems;
  for (const auto& path : listing.paths) {
    const auto& missing = listing.missing;
    if (std::find(missing.begin(), missing.end(), path) != missing.end())
      findings.note(path + ": missing");
    else
      verify_shard(path, threads, findings);
  }
  if (findings.problems > before) return;
  try {  // what no shard shows alone: that they belong together
    open_shards(listing.path());
  } catch (const std::exception& error) {
    findings.note(error.what());
  }
}

Findings verify(const std::string& path, unsigned threads) {
  Findings findings;
  if (std::filesystem::is_regular_file(path))
    verify_shard(path, threads, findings);
  else
    for (const auto& listing : find_shard_sets(path)) verify_set(listing, threads, findings);
  return findings;
}

}  // namespace

int verify_command(const std::vector<std::string>& arguments) {
  po::options_description visible("Options");
  visible.add_options()("threads", po::value<unsigned>()->value_name("N"),
                        "threads that decode [all cores]");
  visible.add_options()("help,h", "show this help");
  po::options_description all;
  all.add(visible);
  all.add_options()("path", po::value<std::string>());
  po::positional_options_description positional;
  positional.add("path", 1);
  const po::variables_map values = cli::parse_command_line(arguments, all, positional);
  if (values.contains("help")) {
    std::cout << kUsage << visible;
    return cli::kSuccess;
  }
  if (!values.contains("path")) throw cli::UsageError("verify: no PATH given");
  const unsigned threads = values.contains("threads")
                               ? values["threads"].as<unsigned>()
                               : std::max(1u, std::thread::hardware_concurrency());
  if (threads == 0 || threads > 1024) throw cli::UsageError("--threads must be 1 to 1024");

  const Findings findings = verify(values["path"].as<std::string>(), threads);
  fmt::print("{} samples in {} shards checked: {}\n", findings.samples, findings.shards,
             findings.problems == 0 ? "all good" : fmt::format("{} bad", findings.problems));
  return findings.problems == 0 ? cli::kSuccess : cli::kFailure;
}

}  // namespace resnext::data
