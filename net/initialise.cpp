#include "net/initialise.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "net/block_form.h"

namespace resnext::net {
namespace {

/// The finaliser of splitmix64 (Steele, Lea, Flood 2014): a bijection that scatters every bit.
std::uint64_t mix(std::uint64_t value) {
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9U;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBU;
  return value ^ (value >> 31);
}

/// FNV-1a, 64 bit: unlike std::hash the same everywhere.
std::uint64_t hash(std::string_view text) {
  std::uint64_t value = 0xCBF29CE484222325U;
  for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  return value;
}

/// Counter-based random numbers: value `i` of a stream is a function of (seed, name, i) alone.
class Stream {
 public:
  Stream(std::uint64_t seed, std::string_view name) : key_(mix(mix(seed + kStep) ^ hash(name))) {}

  /// Uniform in (0, 1), never 0 or 1: the middles of 2^52 equal intervals.
  double uniform(std::uint64_t i) const {
    const std::uint64_t bits = mix(key_ + (i + 1) * kStep) >> 12;
    return (static_cast<double>(bits) + 0.5) * 0x1p-52;
  }

 private:
  static constexpr std::uint64_t kStep = 0x9E3779B97F4A7C15U;
  std::uint64_t key_;
};

/// Box-Muller: values 2i and 2i+1 come from uniforms 2i and 2i+1. Computed in double and rounded to
/// float at the end, so that another libm's last bit almost never shows.
void fill_normal(const Stream& stream, double deviation, std::span<float> values) {
  for (std::size_t i = 0; i < values.size(); i += 2) {
    const double radius = deviation * std::sqrt(-2.0 * std::log(stream.uniform(i)));
    const double angle = 2.0 * std::numbers::pi * stream.uniform(i + 1);
    values[i] = static_cast<float>(radius * std::cos(angle));
    if (i + 1 < values.size()) values[i + 1] = static_cast<float>(radius * std::sin(angle));
  }
}

void fill_uniform(const Stream& stream, double bound, std::span<float> values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(bound * (2.0 * stream.uniform(i) - 1.0));
  }
}

/// As in Torch the fan-out of a convolution ignores its groups: k * k * nOut.
double convolution_deviation(const Parameter& weight) {
  return std::sqrt(2.0 / static_cast<double>(weight.shape[0] * weight.shape[2] * weight.shape[3]));
}

double linear_bound(const Parameter& weight) {
  return 1.0 / std::sqrt(static_cast<double>(weight.shape[1]));
}

void initialise(const Parameter& parameter, std::uint64_t seed, std::span<float> values) {
  const Stream stream(seed, parameter.name);
  switch (parameter.initialisation) {
    case Initialisation::kConvolution:
      fill_normal(stream, convolution_deviation(parameter), values);
      break;
    case Initialisation::kLinear:
      fill_uniform(stream, linear_bound(parameter), values);
      break;
    case Initialisation::kOne:
      std::ranges::fill(values, 1.0F);
      break;
    case Initialisation::kZero:
      std::ranges::fill(values, 0.0F);
      break;
  }
}

void check_size(std::string_view what, std::size_t needed, std::size_t given) {
  if (needed == given) return;
  throw std::invalid_argument(
      fmt::format("the {} need {} values, but the array has {}", what, needed, given));
}

}  // namespace

void initialise_parameters(const Graph& graph, std::uint64_t seed, std::span<float> arena) {
  check_size("parameters", graph.parameter_count, arena.size());
  if (graph.options.form != BlockForm::kGroupedConvolution) {
    // A run begins from the same weights in every form.
    const Graph grouped = with_block_form(graph, BlockForm::kGroupedConvolution);
    std::vector<float> values(grouped.parameter_count);
    initialise_parameters(grouped, seed, values);
    std::ranges::copy(converted_parameters(grouped, values, graph), arena.begin());
    return;
  }
  for (const Parameter& parameter : graph.parameters) {
    initialise(parameter, seed, arena.subspan(parameter.offset, parameter.count));
  }
}

void initialise_statistics(const Graph& graph, std::span<float> statistics) {
  check_size("statistics", graph.statistic_count, statistics.size());
  for (const Statistic& statistic : graph.statistics) {
    std::ranges::fill(statistics.subspan(statistic.offset, statistic.count), statistic.initial);
  }
}

}  // namespace resnext::net
