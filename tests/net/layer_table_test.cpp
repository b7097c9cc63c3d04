#include "net/layer_table.h"

#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace resnext::net {
namespace {

using Lines = std::vector<std::string>;

Graph graph_of(const std::string& name, Shape input, int classes) {
  return build_graph(parse_spec(name), input, classes);
}

TEST(LayerTable, IsThePapersTable1) {
  const std::vector<StageRow> rows = layer_table(graph_of("resnext50_32x4d", {3, 224, 224}, 1000));
  ASSERT_EQ(rows.size(), 6U);
  EXPECT_EQ(rows[0].stage, "conv1");
  EXPECT_EQ(rows[0].output, (Shape{64, 112, 112}));
  EXPECT_EQ(rows[0].layers, Lines{"7x7, 64, stride 2"});
  EXPECT_EQ(rows[1].stage, "conv2");
  EXPECT_EQ(rows[1].output, (Shape{256, 56, 56}));
  EXPECT_EQ(rows[1].layers,
            (Lines{"3x3 max pool, stride 2", "[1x1, 128 / 3x3, 128, C=32 / 1x1, 256] x 3"}));
  EXPECT_EQ(rows[2].layers, Lines{"[1x1, 256 / 3x3, 256, C=32 / 1x1, 512] x 4"});
  EXPECT_EQ(rows[3].layers, Lines{"[1x1, 512 / 3x3, 512, C=32 / 1x1, 1024] x 6"});
  EXPECT_EQ(rows[4].stage, "conv5");
  EXPECT_EQ(rows[4].output, (Shape{2048, 7, 7}));
  EXPECT_EQ(rows[4].layers, Lines{"[1x1, 1024 / 3x3, 1024, C=32 / 1x1, 2048] x 3"});
  EXPECT_EQ(rows[5].stage, "head");
  EXPECT_EQ(rows[5].layers, (Lines{"global average pool", "1000-d fc", "softmax"}));
}

TEST(LayerTable, NamesNoCardinalityForAResNet) {
  const std::vector<StageRow> rows = layer_table(graph_of("resnet29_cifar", {3, 32, 32}, 10));
  ASSERT_EQ(rows.size(), 5U);
  EXPECT_EQ(rows[0].layers, Lines{"3x3, 64, stride 1"});
  EXPECT_EQ(rows[3].layers, Lines{"[1x1, 256 / 3x3, 256 / 1x1, 1024] x 3"});
  EXPECT_EQ(rows[3].output, (Shape{1024, 8, 8}));
}

TEST(LayerTable, AddsUpToTheWholeGraph) {
  const Graph graph = graph_of("resnext29_8x64d_cifar", {3, 32, 32}, 100);
  Complexity sum;
  for (const StageRow& row : layer_table(graph)) sum += row.cost;
  EXPECT_EQ(sum, graph_complexity(graph));
}

TEST(LayerTableText, AlignsItsColumns) {
  for (const char* name : {"resnext50_32x4d", "resnet152", "resnext101_64x4d"}) {
    std::istringstream text(layer_table_text(graph_of(name, {3, 224, 224}, 1000), 1));
    Lines rows;  // the header and every line with numbers
    for (std::string line; std::getline(text, line);) {
      if (line.starts_with("stage") || line.starts_with("conv") || line.starts_with("total")) {
        rows.push_back(line);
      }
    }
    ASSERT_EQ(rows.size(), 7U);
    for (const std::string& row : rows) EXPECT_EQ(row.size(), rows.front().size()) << row;
  }
}

TEST(LayerTableText, SumsUpBelowTheTable) {
  const std::string text = layer_table_text(graph_of("resnext50_32x4d", {3, 224, 224}, 1000), 1);
  EXPECT_NE(text.find("parameters         25,028,904"), std::string::npos) << text;
  EXPECT_NE(text.find("multiply-adds      4.23e9"), std::string::npos) << text;
}

TEST(LayerTableJson, ScalesTheActivationMemoryWithTheBatchOnly) {
  const Graph graph = graph_of("resnext11_4x4d_cifar_w16", {1, 28, 28}, 10);
  const auto one = nlohmann::json::parse(layer_table_json(graph, 1));
  const auto many = nlohmann::json::parse(layer_table_json(graph, 128));
  EXPECT_EQ(one["activation_bytes"], graph_complexity(graph).activation_values * 4);
  EXPECT_EQ(many["activation_bytes"], 128 * one["activation_bytes"].get<std::uint64_t>());
  EXPECT_EQ(many["activation_values"], one["activation_values"]);
}

}  // namespace
}  // namespace resnext::net
