#include "tests/net/golden_training.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

#include "data/hdf5.h"
#include "net/initialise.h"

namespace resnext::net {
namespace {

using data::hdf5::File;

/// The formula of the script's uniform() and initial_values().
void fill_initial_values(const Parameter& parameter, const std::string& damped,
                         std::span<float> arena) {
  std::uint64_t seed = 0xCBF29CE484222325;
  for (const char byte : parameter.name) {
    seed = (seed ^ static_cast<std::uint8_t>(byte)) * 0x100000001B3;
  }
  const bool matrix = parameter.shape.size() > 1;
  const double fan_in = double(parameter.count) / double(parameter.shape[0]);
  const double bound = std::sqrt(6.0 / fan_in);
  for (std::size_t i = 0; i < parameter.count; ++i) {
    std::uint64_t z = i * 0x9E3779B97F4A7C15 + seed;
    z ^= z >> 32;
    z *= 0xD6E8FEB86659FD93;
    z ^= z >> 32;
    const double u = double(z >> 40) / double(1 << 24);
    double value =
        matrix ? -bound + 2.0 * bound * u : (parameter.name.ends_with("weight") ? 0.5 : -0.5) + u;
    if (parameter.name.ends_with(damped)) value *= 0.1;
    arena[parameter.offset + i] = static_cast<float>(value);
  }
}

/// A list of tensors as the file holds it: names in file order, all values end to end.
struct Listing {
  std::vector<std::string> names;
  std::vector<std::int64_t> lengths, strides;
};

std::vector<GoldenTensor> tensors(const std::vector<float>& values, const Listing& listing,
                                  const auto& ours) {
  if (listing.names.size() != ours.size()) throw std::runtime_error("golden: a tensor is missing");
  std::vector<GoldenTensor> result;
  auto next = values.begin();
  for (std::size_t i = 0; i < listing.names.size(); ++i) {
    const auto own = std::find_if(ours.begin(), ours.end(),
                                  [&](const auto& o) { return o.name == listing.names[i]; });
    if (own == ours.end() || own->count != std::size_t(listing.lengths[i])) {
      throw std::runtime_error("golden: the graph lacks " + listing.names[i]);
    }
    const std::size_t stride = std::size_t(listing.strides[i]);
    const auto kept = static_cast<std::ptrdiff_t>((own->count + stride - 1) / stride);
    result.push_back({own->name, own->offset, stride, {next, next + kept}});
    next += kept;
  }
  if (next != values.end()) throw std::runtime_error("golden: values are left over");
  return result;
}

}  // namespace

GoldenTraining read_golden_training(const std::string& model) {
  const File file = File::open(RESNEXT_SOURCE_DIR "/tests/golden/training_" + model + ".h5");
  const auto integer = [&](const char* name) {
    return static_cast<int>(file.integer_attribute("/", name));
  };
  const auto real = [&](const char* name) {
    return static_cast<float>(std::get<double>(file.attribute("/", name)));
  };
  GoldenTraining golden;
  const bool preactivation = std::get<bool>(file.attribute("/", "preactivation"));
  const bool basic = std::get<bool>(file.attribute("/", "basic"));
  const Spec spec{
      .name = model,
      .stem = std::get<bool>(file.attribute("/", "imagenet_stem")) ? Stem::kImageNet : Stem::kCifar,
      .block = basic ? Block::kBasic : Block::kBottleneck,
      .shortcut = static_cast<Shortcut>(integer("shortcut")),
      .preactivation = preactivation,
      .blocks_per_stage = file.read<std::int32_t>("/blocks"),
      .cardinality = integer("groups"),
      .bottleneck_width = integer("group_width"),
      .base_width = integer("base_width"),
      .stem_width = integer("stem_width")};
  const int last = basic ? 2 : 3;
  const std::string damped =
      preactivation ? fmt::format(".conv{}.weight", last) : fmt::format("bn{}.weight", last);
  golden.graph = build_graph(spec, {integer("channels"), integer("height"), integer("width")},
                             integer("classes"), {.label_smoothing = real("label_smoothing")});
  golden.normalisation = {file.read<float>("/mean"), file.read<float>("/deviation")};
  golden.learning_rate = real("learning_rate");
  golden.momentum = real("momentum");
  golden.weight_decay = real("weight_decay");
  golden.initial_parameters.resize(golden.graph.parameter_count);
  for (const Parameter& parameter : golden.graph.parameters) {
    fill_initial_values(parameter, damped, golden.initial_parameters);
  }
  for (int i = 0; file.exists("/step" + std::to_string(i)); ++i) {
    const std::string step = "/step" + std::to_string(i);
    golden.steps.push_back(
        {file.read<std::uint8_t>(step + "/pixels"), file.read<std::int32_t>(step + "/labels"),
         file.read<double>(step + "/loss").front(), file.read<float>(step + "/logits")});
  }
  const Listing parameters{file.strings_attribute("/", "names"),
                           file.read<std::int64_t>("/lengths"),
                           file.read<std::int64_t>("/strides")};
  Listing statistics{file.strings_attribute("/", "statistic_names"),
                     file.read<std::int64_t>("/statistic_lengths"),
                     {}};
  statistics.strides.assign(statistics.names.size(), 1);
  const auto read = [&](const char* name, const Listing& listing, const auto& ours) {
    return tensors(file.read<float>(name), listing, ours);
  };
  golden.first_gradients = read("/step0/gradients", parameters, golden.graph.parameters);
  golden.first_statistics = read("/step0/statistics", statistics, golden.graph.statistics);
  golden.last_parameters = read("/end/parameters", parameters, golden.graph.parameters);
  golden.last_statistics = read("/end/statistics", statistics, golden.graph.statistics);
  golden.evaluation_logits = file.read<float>("/end/logits");
  return golden;
}

std::vector<std::string> golden_training_models() {
  return {"resnet11_cifar_w8",
          "resnext20_4x4d_cifar_w8",
          "resnext11_8x2d_cifar_w8",
          "imagenet_stem_8x2d_w4",
          "preact_imagenet_stem_4x2d_w4",
          "wrn10_1_cifar",
          "resnext14_2x4d_basic_cifar_w8_shortcut_a",
          "resnext11_4x2d_cifar_w4_shortcut_c",
          "resnext11_4x2d_preact_cifar_w4_noshortcut",
          "resnext11_4x2d_cifar_w4_noshortcut"};
}

}  // namespace resnext::net
