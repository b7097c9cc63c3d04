#include "ablations/recipe.h"

#include <cmath>
#include <sstream>
#include <stdexcept>

#include <fmt/format.h>

#include "ablations/child_process.h"

namespace resnext::ablations {
namespace {

/// Of resnext-worker's built-in set (worker/setup.cpp).
constexpr std::uint64_t kSyntheticImages = 4096;
constexpr std::uint64_t kSyntheticTests = 1024;

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

double number(const Options& options, const std::string& name, double otherwise) {
  const auto found = options.find(name);
  if (found == options.end()) return otherwise;
  std::size_t used = 0;
  double value = 0;
  try {
    value = std::stod(found->second, &used);
  } catch (const std::logic_error&) {
    used = 0;
  }
  if (used != found->second.size() || used == 0 || value < 0) {
    throw std::runtime_error(fmt::format("option {} = '{}' is no number", name, found->second));
  }
  return value;
}

}  // namespace

Options preset_options(const std::string& preset, const Programs& programs) {
  Options options;
  if (preset.empty()) return options;
  std::istringstream text(capture({programs.worker, "--print-recipe", preset}));
  for (std::string line; std::getline(text, line);) {
    const auto sign = line.find('=');
    if (line.starts_with('#') || sign == std::string::npos) continue;
    options[trimmed(line.substr(0, sign))] = trimmed(line.substr(sign + 1));
  }
  options.erase("model");
  return options;
}

Options overlaid(Options earlier, const Options& later) {
  if (later.contains("steps")) earlier.erase("epochs");
  if (later.contains("epochs")) earlier.erase("steps");
  for (const auto& [name, value] : later) earlier[name] = value;
  return earlier;
}

Length length_of(const Options& in_force, const ShardSets& shards) {
  const bool synthetic = shards.training_images == 0;
  const auto images = double(synthetic ? kSyntheticImages : shards.training_images);
  const auto tests = double(synthetic ? kSyntheticTests : shards.validation_images);
  Length length;
  length.replicas = static_cast<int>(number(in_force, "replicas", 8));
  length.batch_per_replica = static_cast<int>(number(in_force, "batch-per-replica", 32));
  const double batch =
      double(length.replicas) * length.batch_per_replica * number(in_force, "accumulate", 1);
  const double given = number(in_force, "epoch-steps", 0);
  const double epoch_steps = given > 0 ? given : std::ceil(images / batch);
  const double steps = in_force.contains("steps")
                           ? number(in_force, "steps", 1)
                           : std::ceil(number(in_force, "epochs", 1) * epoch_steps);
  const double every = number(in_force, "validate-every", 1);
  const double evaluations = every > 0 ? std::max(1.0, std::ceil(steps / epoch_steps / every)) : 0;
  length.steps = static_cast<std::uint64_t>(steps);
  length.images =
      static_cast<std::uint64_t>(given > 0 ? steps * batch : steps / epoch_steps * images);
  length.validation_images = static_cast<std::uint64_t>(evaluations * tests);
  return length;
}

}  // namespace resnext::ablations
