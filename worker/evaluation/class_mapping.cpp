#include "worker/evaluation/class_mapping.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <unordered_map>

#include "data/hdf5.h"

namespace resnext::worker {

ClassMapping same_classes(int classes) {
  ClassMapping mapping;
  mapping.to_model.resize(classes);
  std::iota(mapping.to_model.begin(), mapping.to_model.end(), 0);
  return mapping;
}

std::optional<ClassMapping> map_classes(std::span<const std::string> network,
                                        std::span<const std::string> data_set) {
  if (std::ranges::equal(network, data_set)) return same_classes(static_cast<int>(network.size()));
  if (data_set.size() >= network.size()) return std::nullopt;
  std::unordered_map<std::string, int> places;
  for (std::size_t c = 0; c < network.size(); ++c) places.emplace(network[c], static_cast<int>(c));
  ClassMapping mapping;
  mapping.subset = true;
  for (const std::string& name : data_set) {
    const auto place = places.find(name);
    if (place == places.end()) return std::nullopt;
    mapping.to_model.push_back(place->second);
  }
  return mapping;
}

std::vector<std::string> stored_class_names(const std::string& weights) {
  try {
    const auto file = data::hdf5::File::open(weights);
    if (!file.has_attribute("/", "class_names")) return {};
    return file.strings_attribute("/", "class_names");
  } catch (const std::runtime_error&) {
    return {};
  }
}

}  // namespace resnext::worker
