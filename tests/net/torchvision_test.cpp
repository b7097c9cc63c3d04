// The graph against torchvision's own models, as tests/golden/make_torchvision_models.py saw them.

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "net/complexity.h"
#include "net/graph.h"

namespace resnext::net {
namespace {

using Extents = std::vector<std::int64_t>;
using Named = std::map<std::string, Extents>;

struct GoldenModel {
  std::uint64_t multiply_adds = 0;
  Named layers;  ///< output of each convolution, pool and fc
  Named values;  ///< parameters and running statistics
};

std::map<std::string, GoldenModel> golden_models() {
  std::ifstream file(RESNEXT_SOURCE_DIR "/tests/golden/torchvision_models.txt");
  std::map<std::string, GoldenModel> models;
  GoldenModel* model = nullptr;
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string kind, name;
    fields >> kind >> name;
    if (kind == "model") {
      model = &models[name];
      fields >> model->multiply_adds;
    } else if (model != nullptr) {
      Extents& extents = (kind == "layer" ? model->layers : model->values)[name];
      for (std::int64_t extent = 0; fields >> extent;) extents.push_back(extent);
    }
  }
  return models;
}

Named layers_of(const Graph& graph) {
  Named layers;
  for (const Node& node : graph.nodes) {
    if (node.op == Op::kConvolution || node.op == Op::kMaxPool || node.op == Op::kLinear) {
      layers[node.name] = {node.output.channels, node.output.height, node.output.width};
    }
  }
  return layers;
}

Named values_of(const Graph& graph) {
  Named values;
  for (const Parameter& parameter : graph.parameters) values[parameter.name] = parameter.shape;
  for (const Statistic& statistic : graph.statistics) {
    values[statistic.name] = {static_cast<std::int64_t>(statistic.count)};
  }
  return values;
}

TEST(BuildGraph, IsTorchvisionsModel) {
  const auto models = golden_models();
  ASSERT_EQ(models.size(), 3U);
  for (const auto& [name, golden] : models) {
    const Graph graph = build_graph(parse_spec(name), {3, 224, 224}, 1000);
    EXPECT_EQ(values_of(graph), golden.values) << name;
    EXPECT_EQ(layers_of(graph), golden.layers) << name;
    EXPECT_EQ(graph_complexity(graph).multiply_adds, golden.multiply_adds) << name;
  }
}

}  // namespace
}  // namespace resnext::net
