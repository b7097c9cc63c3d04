#include "net/cpu/grouped_weights.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

namespace resnext::net::cpu {
namespace {

constexpr int kVector = 16;

TEST(GroupsToMerge, OfThePapersNetworks) {  // Table 2: C x d
  EXPECT_EQ(groups_to_merge(1, 64, kVector), 1);
  EXPECT_EQ(groups_to_merge(2, 40, kVector), 2);  // 80 channels, dense
  EXPECT_EQ(groups_to_merge(4, 24, kVector), 2);
  EXPECT_EQ(groups_to_merge(8, 14, kVector), 8);  // 112, dense
  EXPECT_EQ(groups_to_merge(32, 4, kVector), 4);
  EXPECT_EQ(groups_to_merge(32, 8, kVector), 2);  // later stages of 32x4d
  EXPECT_EQ(groups_to_merge(32, 16, kVector), 1);
  EXPECT_EQ(groups_to_merge(32, 32, kVector), 1);
  EXPECT_EQ(groups_to_merge(64, 4, kVector), 4);
}

TEST(GroupsToMerge, LeavesAloneWhatCannotFillAVector) {
  EXPECT_EQ(groups_to_merge(4, 5, kVector), 1);
  EXPECT_EQ(groups_to_merge(2, 4, kVector), 1);
  EXPECT_EQ(groups_to_merge(3, 8, kVector), 1);
}

TEST(GroupsToMerge, TakesTheLeastThatWorks) {
  for (int groups = 2; groups <= 64; ++groups) {
    for (int width = 1; width <= 40; ++width) {
      const int merged = groups_to_merge(groups, width, kVector);
      const auto works = [&](int m) { return groups % m == 0 && m * width % kVector == 0; };
      bool any = false;
      for (int m = 1; m < merged; ++m) any = any || works(m);
      EXPECT_FALSE(any) << groups << "x" << width << "d could merge fewer than " << merged;
      if (!works(merged)) {
        for (int m = 1; m <= groups; ++m) EXPECT_FALSE(works(m)) << groups << "x" << width;
      }
    }
  }
}

std::vector<float> numbered(std::size_t count) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), 1.0F);
  return values;
}

/// The dense form, value by value, from what merging means.
void expect_expands_right(const GroupedWeights& weights) {
  const int outputs = weights.outputs_per_group, inputs = weights.inputs_per_group;
  const int taps = weights.kernel * weights.kernel, merged = weights.merged;
  const std::vector<float> canonical = numbered(weights.canonical_count());
  std::vector<float> dense(weights.merged_count(), -1.0F);
  weights.expand(canonical, dense);
  for (int output = 0; output < weights.groups * outputs; ++output) {
    for (int input = 0; input < merged * inputs; ++input) {
      const int group = output / outputs;
      const bool own = input / inputs == group % merged;
      for (int tap = 0; tap < taps; ++tap) {
        const float expected =
            own ? canonical[(std::size_t(output) * inputs + input % inputs) * taps + tap] : 0.0F;
        ASSERT_EQ(dense[(std::size_t(output) * merged * inputs + input) * taps + tap], expected);
      }
    }
  }
  std::vector<float> back(canonical.size(), -1.0F);
  std::replace(dense.begin(), dense.end(), 0.0F, 99.0F);  // what is off the diagonal must not count
  weights.extract(dense, back);
  EXPECT_EQ(back, canonical);
}

TEST(GroupedWeights, ExpandAndExtract) {
  expect_expands_right(
      {.groups = 8, .merged = 4, .outputs_per_group = 4, .inputs_per_group = 4, .kernel = 3});
  expect_expands_right(
      {.groups = 8, .merged = 8, .outputs_per_group = 14, .inputs_per_group = 14, .kernel = 3});
  expect_expands_right(
      {.groups = 6, .merged = 2, .outputs_per_group = 3, .inputs_per_group = 5, .kernel = 1});
  expect_expands_right(
      {.groups = 4, .merged = 1, .outputs_per_group = 2, .inputs_per_group = 2, .kernel = 3});
}

TEST(GroupedWeights, DescribesOneGroupAsPlain) {
  const GroupedWeights dense{
      .groups = 4, .merged = 4, .outputs_per_group = 5, .inputs_per_group = 3, .kernel = 3};
  EXPECT_EQ(dense.dims(), (dnnl::memory::dims{20, 12, 3, 3}));
  const GroupedWeights grouped{
      .groups = 4, .merged = 2, .outputs_per_group = 5, .inputs_per_group = 3, .kernel = 3};
  EXPECT_EQ(grouped.dims(), (dnnl::memory::dims{2, 10, 6, 3, 3}));
  EXPECT_EQ(grouped.plain_descriptor().get_size(), grouped.merged_count() * sizeof(float));
}

}  // namespace
}  // namespace resnext::net::cpu
