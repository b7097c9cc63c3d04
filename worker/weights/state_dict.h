#pragma once
// A network's tensors as PyTorch's state_dict lists them: torchvision's names, in forward order,
// parameters and running statistics of a layer together.

#include <cstddef>
#include <string>
#include <vector>

#include "net/graph.h"
#include "worker/weights/safetensors.h"

namespace resnext::worker {

struct StateTensor {
  std::string name;  ///< e.g. "layer1.0.bn1.running_mean"
  TensorShape shape;
  bool statistic = false;  ///< a slice of the running statistics, else of the parameter arena
  std::size_t offset = 0;  ///< first value in there
  std::size_t count = 0;
};

std::vector<StateTensor> state_dict(const net::Graph& graph);

}  // namespace resnext::worker
