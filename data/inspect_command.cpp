// resnext-data inspect: what is in these shards.

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <limits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/program.h"
#include "data/commands.h"
#include "data/shard_listing.h"
#include "data/shards.h"

namespace resnext::data {
namespace {
namespace po = boost::program_options;
using Json = nlohmann::ordered_json;

constexpr const char* kUsage = R"(Usage: resnext-data inspect PATH [--json]

Says what is in shards, from their indices alone. PATH is a folder, FOLDER/NAME for the
set NAME of a folder, or one shard.

)";

Json describe_classes(const ShardSet& set) {
  std::vector<std::uint64_t> counts(set.info().class_names.size());
  for (const auto& shard : set.shards())
    for (const auto label : shard.labels()) ++counts[static_cast<std::size_t>(label)];
  Json classes = Json::array();
  for (std::size_t i = 0; i < counts.size(); ++i)
    classes.push_back({{"name", set.info().class_names[i]}, {"samples", counts[i]}});
  return classes;
}

Json describe_bytes(const ShardSet& set) {
  std::uint64_t total = 0, largest = 0, smallest = std::numeric_limits<std::uint64_t>::max();
  for (const auto& shard : set.shards())
    for (std::size_t i = 0; i < shard.labels().size(); ++i) {
      const std::uint64_t bytes = shard.sample_bytes(i);
      total += bytes;
      largest = std::max(largest, bytes);
      smallest = std::min(smallest, bytes);
    }
  return {{"total", total},
          {"mean", static_cast<double>(total) / static_cast<double>(set.info().size)},
          {"smallest", smallest},
          {"largest", largest}};
}

Json describe(const std::string& path) {
  const auto set = open_shards(path);
  const DatasetInfo& info = set->info();
  Json json = {{"path", path},
               {"name", set->shards().front().header().set_name},
               {"identity", info.identity},
               {"samples", info.size},
               {"shards", set->shards().size()},
               {"encoding", info.encoding == Encoding::kRaw ? "raw" : "encoded"}};
  if (info.encoding == Encoding::kRaw) {
    json["height"] = info.height;
    json["width"] = info.width;
    json["channels"] = info.channels;
  }
  json["sample_bytes"] = describe_bytes(*set);
  json["classes"] = describe_classes(*set);
  return json;
}

std::string encoding_text(const Json& set) {
  if (set["encoding"] == "encoded") return "JPEG or PNG files";
  return fmt::format("raw pixels, {}x{}x{}", set["height"].get<int>(), set["width"].get<int>(),
                     set["channels"].get<int>());
}

void print(const Json& set) {
  const Json& bytes = set["sample_bytes"];
  fmt::print("{}\n", set["path"].get<std::string>());
  fmt::print("  identity  {}\n", set["identity"].get<std::string>());
  fmt::print("  samples   {} in {} shard{}\n", set["samples"].get<std::uint64_t>(),
             set["shards"].get<std::uint64_t>(), set["shards"] == 1 ? "" : "s");
  fmt::print("  encoding  {}\n", encoding_text(set));
  fmt::print("  bytes     {:.1f} MB; a sample {} to {}, mean {:.0f}\n",
             bytes["total"].get<double>() / 1e6, bytes["smallest"].get<std::uint64_t>(),
             bytes["largest"].get<std::uint64_t>(), bytes["mean"].get<double>());
  fmt::print("  classes   {}\n", set["classes"].size());
  std::size_t label = 0;
  for (const auto& one : set["classes"])
    fmt::print("  {:>7}   {} ({})\n", label++, one["name"].get<std::string>(),
               one["samples"].get<std::uint64_t>());
}

std::vector<std::string> sets_at(const std::string& path) {
  if (std::filesystem::is_regular_file(path)) return {path};
  std::vector<std::string> paths;
  for (const auto& listing : find_shard_sets(path)) paths.push_back(listing.path());
  return paths;
}

}  // namespace

int inspect_command(const std::vector<std::string>& arguments) {
  po::options_description visible("Options");
  visible.add_options()("json", "print a JSON array with one object for each set");
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
  if (!values.contains("path")) throw cli::UsageError("inspect: no PATH given");

  Json sets = Json::array();
  for (const auto& path : sets_at(values["path"].as<std::string>())) sets.push_back(describe(path));
  if (values.contains("json"))
    std::cout << sets.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
  else
    for (const auto& set : sets) print(set);
  return cli::kSuccess;
}

}  // namespace resnext::data
