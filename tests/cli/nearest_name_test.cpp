#include "cli/nearest_name.h"

#include <gtest/gtest.h>

namespace resnext::cli {
namespace {

TEST(EditDistance, CountsEditsAndSwaps) {
  EXPECT_EQ(edit_distance("", "abc"), 3);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3);
  EXPECT_EQ(edit_distance("resnext", "resnxet"), 1);
  EXPECT_EQ(edit_distance("same", "same"), 0);
}

TEST(NearestName, OffersTheClosestAndNothingFarAway) {
  const std::vector<std::string> names = {"resnet50", "resnext50_32x4d", "resnext101_64x4d"};
  EXPECT_EQ(nearest_name("resnext50_32x4", names), "resnext50_32x4d");
  EXPECT_EQ(nearest_name("renset50", names), "resnet50");
  EXPECT_EQ(nearest_name("zzzzzzzz", names), "");
  EXPECT_EQ(did_you_mean("zzzzzzzz", names), "");
  EXPECT_EQ(did_you_mean("resnet5", names), "; did you mean 'resnet50'?");
}

}  // namespace
}  // namespace resnext::cli
