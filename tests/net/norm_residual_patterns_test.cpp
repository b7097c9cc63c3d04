#include "net/norm_residual_patterns.h"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "tests/net/hand_built_graph.h"

namespace resnext::net {
namespace {

using Branches = std::vector<std::pair<int, int>>;  // batch-norm node or -1, source node

Branches branches_of(const NormResidualPattern& pattern) {
  Branches result;
  for (const ResidualBranch& branch : pattern.branches) {
    result.emplace_back(branch.batch_norm, branch.source);
  }
  return result;
}

struct Built {
  HandBuiltGraph net{Shape{8, 4, 4}};
  int x = net.convolution(0, 8, {});
  NormResidualPatterns patterns() const { return find_norm_residual_patterns(net.graph()); }
};

TEST(NormResidualPatterns, BlockWithIdentity) {
  Built b;
  const int conv = b.net.convolution(b.x, 8, {}), norm = b.net.batch_norm(conv);
  const int sum = b.net.add(norm, b.x), relu = b.net.relu(sum);
  b.net.loss(b.net.linear(relu, 2));
  const NormResidualPatterns found = b.patterns();
  EXPECT_EQ(branches_of(found.at[relu]), (Branches{{norm, conv}, {-1, b.x}}));
  EXPECT_TRUE(found.at[relu].relu);
  EXPECT_EQ(found.at[relu].output, relu);
  EXPECT_TRUE(found.absorbed[norm] && found.absorbed[sum]);
  EXPECT_FALSE(found.absorbed[relu] || found.absorbed[conv] || found.absorbed[b.x]);
}

TEST(NormResidualPatterns, BlockWithProjection) {
  Built b;
  const int left = b.net.convolution(b.x, 8, {}), left_norm = b.net.batch_norm(left);
  const int right = b.net.convolution(b.x, 8, {}), right_norm = b.net.batch_norm(right);
  const int sum = b.net.add(left_norm, right_norm);
  b.net.loss(b.net.linear(sum, 2));
  const NormResidualPatterns found = b.patterns();
  EXPECT_EQ(branches_of(found.at[sum]), (Branches{{left_norm, left}, {right_norm, right}}));
  EXPECT_FALSE(found.at[sum].relu);
}

TEST(NormResidualPatterns, NormAloneAndNormWithRelu) {
  Built b;
  const int norm = b.net.batch_norm(b.x), relu = b.net.relu(norm);
  const int last = b.net.batch_norm(relu);
  b.net.loss(b.net.linear(last, 2));
  const NormResidualPatterns found = b.patterns();
  EXPECT_EQ(branches_of(found.at[relu]), (Branches{{norm, b.x}}));
  EXPECT_TRUE(found.at[relu].relu);
  EXPECT_EQ(branches_of(found.at[last]), (Branches{{last, relu}}));
  EXPECT_FALSE(found.at[last].relu);
}

TEST(NormResidualPatterns, WhatIsReadTwiceStaysALayerOfItsOwn) {
  Built b;
  const int norm = b.net.batch_norm(b.x), relu = b.net.relu(norm), sum = b.net.add(relu, norm);
  const int rectified = b.net.relu(sum), again = b.net.add(rectified, sum);
  b.net.loss(b.net.linear(again, 2));
  const NormResidualPatterns found = b.patterns();
  EXPECT_EQ(std::count(found.absorbed.begin(), found.absorbed.end(), true), 0);
  EXPECT_EQ(branches_of(found.at[norm]), (Branches{{norm, b.x}}));
  EXPECT_EQ(branches_of(found.at[relu]), (Branches{{-1, norm}}));
  EXPECT_EQ(branches_of(found.at[sum]), (Branches{{-1, relu}, {-1, norm}}));
  EXPECT_EQ(branches_of(found.at[rectified]), (Branches{{-1, sum}}));
}

TEST(NormResidualPatterns, AnOutputOfTheGraphIsNotAbsorbed) {
  Built b;
  const int norm = b.net.batch_norm(b.x), relu = b.net.relu(norm);
  b.net.loss(b.net.linear(relu, 2));
  Graph graph = b.net.graph();
  graph.outputs.push_back(norm);
  EXPECT_FALSE(find_norm_residual_patterns(graph).absorbed[norm]);
}

TEST(NormResidualPatterns, EveryResNeXtBlockIsThreeLayersAndItsConvolutions) {
  const Graph graph = build_graph(parse_spec("resnext50_32x4d"), {3, 224, 224}, 1000);
  const NormResidualPatterns found = find_norm_residual_patterns(graph);
  const auto patterns = std::count_if(found.at.begin(), found.at.end(),
                                      [](const auto& p) { return !p.branches.empty(); });
  EXPECT_EQ(patterns, 1 + 3 * 16);
  EXPECT_EQ(std::count(found.absorbed.begin(), found.absorbed.end(), true), 53 + 16);
}

}  // namespace
}  // namespace resnext::net
