#include "worker/weights/fitting_models.h"

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "net/spec.h"
#include "worker/weights/state_dict.h"

namespace resnext::worker {
namespace {

/// The extent of a tensor's dimension, or 0 where there is none that a network could have.
int extent(const TensorFile& file, const std::string& name, std::size_t dimension) {
  const std::size_t index = file.find(name);
  if (index == file.tensors().size()) return 0;
  const TensorShape& shape = file.tensors()[index].shape;
  if (dimension >= shape.size() || shape[dimension] > std::numeric_limits<int>::max()) return 0;
  return static_cast<int>(shape[dimension]);
}

}  // namespace

std::optional<net::Graph> graph_with_ends_of(const net::Spec& spec, const TensorFile& file) {
  const int channels = extent(file, "conv1.weight", 1);
  const int classes = extent(file, "fc.weight", 0);
  if (channels < 1 || classes < 1) return std::nullopt;
  const int side = net::usual_input_side(spec);
  try {
    return net::build_graph(spec, {channels, side, side}, classes);
  } catch (const std::invalid_argument&) {
    return std::nullopt;
  }
}

bool fits(const TensorFile& file, const net::Graph& graph) {
  const std::vector<StateTensor> wanted = state_dict(graph);
  return wanted.size() == file.tensors().size() &&
         std::all_of(wanted.begin(), wanted.end(), [&](const StateTensor& tensor) {
           const std::size_t index = file.find(tensor.name);
           return index < file.tensors().size() && file.tensors()[index].shape == tensor.shape;
         });
}

std::vector<std::string> fitting_models(const TensorFile& file) {
  std::vector<std::string> names = net::known_model_names();
  std::erase(names, file.model());
  names.insert(names.begin(), file.model());
  std::erase_if(names, [&](const std::string& name) {
    try {
      const auto graph = graph_with_ends_of(net::parse_spec(name), file);
      return !graph || !fits(file, *graph);
    } catch (const std::invalid_argument&) {  // a name that another program gave
      return true;
    }
  });
  return names;
}

}  // namespace resnext::worker
