#include "worker/weights/weights.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <stdexcept>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "net/block_form.h"
#include "net/initialise.h"
#include "worker/weights/fitting_models.h"
#include "worker/weights/state_dict.h"
#include "worker/weights/tensor_file.h"

namespace resnext::worker {
namespace {

std::string to_text(const TensorShape& shape) {
  return shape.empty() ? "a scalar" : fmt::format("{}", fmt::join(shape, "x"));
}

/// "fc" and "fc." begin "fc.weight", but "f" does not.
bool begins(const std::string& name, const std::string& prefix) {
  return name.starts_with(prefix) &&
         (prefix.ends_with('.') || name.size() == prefix.size() || name[prefix.size()] == '.');
}

bool is_skipped(const std::string& name, const std::vector<std::string>& skip) {
  return std::any_of(skip.begin(), skip.end(),
                     [&](const std::string& prefix) { return begins(name, prefix); });
}

void require_skippable(const std::vector<StateTensor>& tensors, const net::Graph& graph,
                       const std::vector<std::string>& skip) {
  for (const std::string& prefix : skip) {
    if (std::none_of(tensors.begin(), tensors.end(),
                     [&](const StateTensor& tensor) { return begins(tensor.name, prefix); })) {
      throw std::runtime_error(
          fmt::format("--init-skip: no tensor of {} begins with '{}'", graph.spec.name, prefix));
    }
  }
}

/// What explains a difference at once, or nothing.
std::string explanation(const TensorFile& file, const net::Graph& graph) {
  const auto own = graph_with_ends_of(graph.spec, file);
  if (own && fits(file, *own)) {
    if (own->input.channels != graph.input.channels) {
      return fmt::format("; the number of image channels differs (file {}, this run {})",
                         own->input.channels, graph.input.channels);
    }
    return fmt::format(
        "; the number of classes differs (file {}, this run {}): --init-skip fc "
        "would start the head afresh",
        own->classes, graph.classes);
  }
  const std::vector<std::string> models = fitting_models(file);
  return models.empty() ? "" : fmt::format("; the file's tensors are those of {}", models.front());
}

[[noreturn]] void throw_other_model(const TensorFile& file, const net::Graph& graph,
                                    const std::string& difference) {
  throw std::runtime_error(fmt::format("{}: not the weights of {}: {}{}", file.path(),
                                       graph.spec.name, difference, explanation(file, graph)));
}

void require_same_tensors(const TensorFile& file, const net::Graph& graph,
                          const std::vector<StateTensor>& wanted,
                          const std::vector<std::string>& skip) {
  for (const StateTensor& tensor : wanted) {
    if (is_skipped(tensor.name, skip)) continue;
    const std::size_t index = file.find(tensor.name);
    if (index == file.tensors().size()) {
      throw_other_model(
          file, graph, fmt::format("there is no {} ({} here)", tensor.name, to_text(tensor.shape)));
    }
    const TensorShape& stored = file.tensors()[index].shape;
    if (stored != tensor.shape) {
      throw_other_model(file, graph,
                        fmt::format("{} is {} there, {} here", tensor.name, to_text(stored),
                                    to_text(tensor.shape)));
    }
  }
  for (const StoredTensor& stored : file.tensors()) {
    const bool known = std::any_of(wanted.begin(), wanted.end(), [&](const StateTensor& tensor) {
      return tensor.name == stored.name;
    });
    if (!known && !is_skipped(stored.name, skip)) {
      throw_other_model(
          file, graph,
          fmt::format("{} ({}) is not in this model", stored.name, to_text(stored.shape)));
    }
  }
}

/// Damage that no checksum tells of would else surface as a loss of NaN, or not at all.
void require_sound_values(const TensorFile& file, const StateTensor& tensor,
                          std::span<const float> values) {
  const bool variance = tensor.statistic && tensor.name.ends_with("running_var");
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isfinite(values[i]) && !(variance && values[i] < 0)) continue;
    throw std::runtime_error(fmt::format("{}: {}: value {} is {}, which no {} can be", file.path(),
                                         tensor.name, i, values[i],
                                         variance ? "variance" : "weight"));
  }
}

bool has_names_of(const TensorFile& file, const net::Graph& graph,
                  const std::vector<std::string>& skip) {
  const std::vector<StateTensor> wanted = state_dict(graph);
  return std::all_of(wanted.begin(), wanted.end(), [&](const StateTensor& tensor) {
    return is_skipped(tensor.name, skip) || file.find(tensor.name) < file.tensors().size();
  });
}

/// The network with its blocks in the form whose names the file has; as it is where none is.
net::Graph graph_in_stored_form(const TensorFile& file, const net::Graph& graph,
                                const std::vector<std::string>& skip) {
  using enum net::BlockForm;
  if (has_names_of(file, graph, skip)) return graph;
  for (const net::BlockForm form : {kGroupedConvolution, kEarlyConcatenation, kSeparatePaths}) {
    try {
      net::Graph other = net::with_block_form(graph, form);
      if (has_names_of(file, other, skip)) return other;
    } catch (const std::invalid_argument&) {  // a network without such a form
    }
  }
  return graph;
}

Weights read_tensors(const TensorFile& file, const net::Graph& graph,
                     const std::vector<std::string>& skip, std::uint64_t seed) {
  const std::vector<StateTensor> wanted = state_dict(graph);
  require_skippable(wanted, graph, skip);
  require_same_tensors(file, graph, wanted, skip);
  Weights weights;
  weights.parameters.resize(graph.parameter_count);
  weights.statistics.resize(graph.statistic_count);
  if (!skip.empty()) {
    net::initialise_parameters(graph, seed, weights.parameters);
    net::initialise_statistics(graph, weights.statistics);
  }
  for (const StateTensor& tensor : wanted) {
    if (is_skipped(tensor.name, skip)) continue;
    const std::vector<float> values = file.read(file.find(tensor.name));
    require_sound_values(file, tensor, values);
    std::vector<float>& target = tensor.statistic ? weights.statistics : weights.parameters;
    std::copy(values.begin(), values.end(),
              target.begin() + static_cast<std::ptrdiff_t>(tensor.offset));
  }
  return weights;
}

}  // namespace

Weights read_weights(const std::string& path, const net::Graph& graph,
                     const std::vector<std::string>& skip, std::uint64_t seed) {
  const TensorFile file = open_tensor_file(path);
  const net::Graph stored = graph_in_stored_form(file, graph, skip);
  Weights weights = read_tensors(file, stored, skip, seed);
  if (stored.options.form != graph.options.form) {
    weights.parameters = net::converted_parameters(stored, weights.parameters, graph);
    weights.statistics = net::converted_statistics(stored, weights.statistics, graph);
  }
  weights.source = fmt::format("{} ({})", path, file.kind());
  if (!skip.empty()) {
    weights.source += fmt::format("; initial values for {}", fmt::join(skip, ", "));
  }
  return weights;
}

void write_weights(const std::string& path, const net::Graph& graph, const Weights& weights) {
  std::vector<SafetensorsTensor> tensors;
  for (const StateTensor& tensor : state_dict(graph)) {
    const std::span<const float> all = tensor.statistic ? weights.statistics : weights.parameters;
    tensors.push_back({tensor.name, tensor.shape, all.subspan(tensor.offset, tensor.count)});
  }
  write_safetensors(path, tensors, {{"format", "pt"}, {"model", graph.spec.name}});
}

}  // namespace resnext::worker
