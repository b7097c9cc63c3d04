#pragma once
// Where the classes of a data set are among those that a network tells apart: a network of 5000
// classes can be tested on images of 1000 of them (paper, Table 6).

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace resnext::worker {

struct ClassMapping {
  std::vector<int> to_model;  ///< the network's class, by the data set's label
  bool subset = false;        ///< the network has others, too
};

/// Every class at its own place.
ClassMapping same_classes(int classes);

/// By name: nullopt unless the data set's classes are the network's in the same order, or fewer of
/// them in any order.
std::optional<ClassMapping> map_classes(std::span<const std::string> network,
                                        std::span<const std::string> data_set);

/// The class names that a checkpoint of ours holds; none of other files, of older checkpoints, and
/// of what cannot be read (whoever reads the weights will say why).
std::vector<std::string> stored_class_names(const std::string& weights);

}  // namespace resnext::worker
