#include "data/pack/packing_plan.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <vector>

#include <fmt/format.h>

#include "data/pack/sample_batches.h"

namespace resnext::data {
namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMostMeasured = 4000;
constexpr double kMostSeconds = 10.0;

struct Rate {
  double samples_per_second = 0.0;
  std::string origin;
};

/// Reads samples spread evenly over the order, as packing will read them.
Rate measure_rate(PackSource& source, std::span<const std::uint32_t> order, unsigned jobs) {
  std::vector<std::uint32_t> some;
  const std::size_t count = std::min(order.size(), kMostMeasured);
  for (std::size_t i = 0; i < count; ++i) some.push_back(order[order.size() * i / count]);
  for (const auto sample : some) source.drop_from_page_cache(sample);

  const auto start = std::chrono::steady_clock::now();
  const auto seconds = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  SampleBatches batches(source, some, {{0, some.size()}}, jobs);
  std::size_t done = 0;
  while (done < count && seconds() < kMostSeconds) done += batches.next().labels.size();
  const double rate = static_cast<double>(done) / std::max(seconds(), 1e-9);
  return {rate,
          fmt::format("measured by reading {} of the files, dropped from the page cache before, "
                      "with {} job{}; the shards' disk may be slower",
                      done, jobs, jobs == 1 ? "" : "s")};
}

/// Free bytes where the shards go; the folder itself may not be there yet.
std::string free_space(const std::string& folder, std::uint64_t wanted) {
  if (folder.empty()) return {};
  std::error_code error;
  fs::path path = fs::absolute(folder);
  while (!fs::exists(path, error) && path.has_relative_path()) path = path.parent_path();
  const fs::space_info space = fs::space(path, error);
  if (error) return {};
  return fmt::format("free in --out   {:.1f} GB{}\n", static_cast<double>(space.available) / 1e9,
                     space.available < wanted ? ": NOT ENOUGH" : "");
}

}  // namespace

std::string describe_packing(PackSource& source, std::span<const std::uint32_t> order,
                             const WriteOptions& options, double samples_per_second) {
  std::uint64_t bytes = 0;
  for (const auto sample : order) bytes += source.sample_bytes(sample);
  const auto samples = static_cast<double>(order.size());
  const double sample_size = static_cast<double>(bytes) / samples;
  const Rate rate = samples_per_second > 0.0 ? Rate{samples_per_second, "assumed"}
                                             : measure_rate(source, order, options.jobs);
  const std::uint64_t memory = source.index_bytes() + order.size() * sizeof(order[0]);

  std::string text;
  const auto add = [&](const char* what, const std::string& value) {
    text += fmt::format("{:<16}{}\n", what, value);
  };
  add("samples", fmt::format("{} of {} classes", order.size(), source.info().classes()));
  add("bytes", fmt::format("{:.3f} GB, {:.1f} kB a sample", static_cast<double>(bytes) / 1e9,
                           sample_size / 1e3));
  add("shards",
      fmt::format("{} of about {} samples, {:.1f} MB", options.shards,
                  order.size() / options.shards,
                  static_cast<double>(bytes) / static_cast<double>(options.shards) / 1e6));
  text += free_space(options.folder, bytes);
  add("index in memory",
      fmt::format("{:.1f} MB, {:.1f} bytes a sample", static_cast<double>(memory) / 1e6,
                  static_cast<double>(memory) / samples));
  add("time", fmt::format("{} ({:.2f} hours) at {:.0f} samples/s, {:.1f} MB/s: {}",
                          duration_text(samples / rate.samples_per_second),
                          samples / rate.samples_per_second / 3600, rate.samples_per_second,
                          rate.samples_per_second * sample_size / 1e6, rate.origin));
  return text;
}

}  // namespace resnext::data
