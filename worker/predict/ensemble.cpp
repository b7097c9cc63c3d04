#include "worker/predict/ensemble.h"

#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/program.h"
#include "data/hdf5.h"
#include "worker/evaluation/class_mapping.h"
#include "worker/weights/fitting_models.h"
#include "worker/weights/tensor_file.h"

namespace resnext::worker {
namespace {

net::Spec spec_of(const TensorFile& file, const std::string& model) {
  const std::string& name = model.empty() ? file.model() : model;
  if (name.empty()) {
    throw cli::UsageError(
        fmt::format("--model: {} does not say its model's name (resnext-weights show lists those "
                    "that fit)",
                    file.path()));
  }
  try {
    return net::parse_spec(name);
  } catch (const std::invalid_argument& error) {
    throw cli::UsageError(fmt::format("--model: {}", error.what()));
  }
}

/// What a checkpoint of ours says of the run that it is from. (The file has been checked.)
void read_input(const std::string& path, StoredNetwork& network) {
  const auto file = data::hdf5::File::open(path);
  if (!file.has_attribute("/", "experiment")) return;
  const auto experiment = nlohmann::json::parse(file.string_attribute("/", "experiment"));
  network.image_size = experiment.value("image-size", 0);
  network.normalisation.mean = experiment.value("mean", std::vector<float>());
  network.normalisation.deviation = experiment.value("deviation", std::vector<float>());
}

StoredNetwork read_network(const std::string& path, const std::string& model) {
  const TensorFile file = open_tensor_file(path);
  StoredNetwork network;
  network.path = path;
  network.spec = spec_of(file, model);
  const auto graph = graph_with_ends_of(network.spec, file);
  if (!graph) {
    throw std::runtime_error(
        fmt::format("{}: has no conv1.weight and fc.weight as networks have them", path));
  }
  network.channels = graph->input.channels;
  network.classes = graph->classes;
  network.class_names = stored_class_names(path);
  if (file.kind() != "safetensors") read_input(path, network);
  return network;
}

/// Views and labels are made once for all networks.
void require_same_questions(const StoredNetwork& one, const StoredNetwork& other,
                            const PredictOptions& options) {
  const auto refuse = [&](const std::string& what) {
    throw std::runtime_error(
        fmt::format("{} and {} cannot be averaged: {}", one.path, other.path, what));
  };
  if (one.classes != other.classes)
    refuse(fmt::format("{} against {} classes", one.classes, other.classes));
  if (one.channels != other.channels)
    refuse(fmt::format("{} against {} channels", one.channels, other.channels));
  const bool named = !one.class_names.empty() && !other.class_names.empty();
  if (named && one.class_names != other.class_names) refuse("their classes differ");
  if (options.image_size == 0 && one.image_size != other.image_size)
    refuse(fmt::format("image sizes of {} and {}; give --image-size", one.image_size,
                       other.image_size));
  if (options.mean.empty() && (one.normalisation.mean != other.normalisation.mean ||
                               one.normalisation.deviation != other.normalisation.deviation))
    refuse("their inputs are normalised differently; give --mean and --deviation");
}

}  // namespace

std::vector<StoredNetwork> read_networks(const PredictOptions& options) {
  std::vector<StoredNetwork> networks;
  for (std::size_t i = 0; i < options.weights.size(); ++i) {
    const bool own = options.models.size() > 1;
    const std::string model = options.models.empty() ? "" : options.models[own ? i : 0];
    networks.push_back(read_network(options.weights[i], model));
    require_same_questions(networks.front(), networks.back(), options);
  }
  return networks;
}

Ensemble::Ensemble(const std::vector<StoredNetwork>& stored, int image_size,
                   const PredictOptions& options)
    : input_{stored.front().channels, image_size, image_size}, classes_(stored.front().classes) {
  // Views are normalised before they come to the engine.
  const net::Normalisation unchanged{std::vector<float>(input_.channels, 0.0F),
                                     std::vector<float>(input_.channels, 1.0F)};
  for (const StoredNetwork& from : stored) {
    const net::Graph graph =
        testing_graph(net::build_graph(from.spec, input_, classes_), options.protocol.views);
    Network network;
    network.weights = read_weights(from.path, graph);
    network.engine = net::make_cpu_engine(graph, unchanged, options.threads);
    network.engine->set_parameters(network.weights.parameters);
    networks_.push_back(std::move(network));
  }
}

}  // namespace resnext::worker
