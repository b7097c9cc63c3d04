#include "worker/evaluation/class_mapping.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/worker/small_training.h"

namespace resnext::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Names = std::vector<std::string>;

TEST(ClassMappingTest, EqualOrFewer) {
  const Names network = {"ant", "bee", "cat", "dog"};
  const auto same = map_classes(network, network);
  ASSERT_TRUE(same);
  EXPECT_FALSE(same->subset);
  EXPECT_THAT(same->to_model, ElementsAre(0, 1, 2, 3));
  const auto some = map_classes(network, Names{"dog", "bee"});
  ASSERT_TRUE(some);
  EXPECT_TRUE(some->subset);
  EXPECT_THAT(some->to_model, ElementsAre(3, 1));
}

TEST(ClassMappingTest, AllElseIsRefused) {
  const Names network = {"ant", "bee", "cat"};
  EXPECT_FALSE(map_classes(network, Names{"bee", "ant", "cat"}));         // another order
  EXPECT_FALSE(map_classes(network, Names{"ant", "elk"}));                // another class
  EXPECT_FALSE(map_classes(network, Names{"ant", "bee", "cat", "dog"}));  // more
}

TEST(ClassMappingTest, NamesInCheckpoints) {
  const TemporaryFolder folder;
  const net::Graph graph = small_graph();
  CheckpointHeader header = small_header();
  put_bytes(folder / "old.h5", encode_checkpoint(graph, small_state(graph, 1), header));
  header.class_names = {"ant", "b\xC3\xA4r"};
  put_bytes(folder / "new.h5", encode_checkpoint(graph, small_state(graph, 1), header));
  EXPECT_THAT(stored_class_names(folder / "new.h5"), ElementsAre("ant", "b\xC3\xA4r"));
  EXPECT_THAT(stored_class_names(folder / "old.h5"), IsEmpty());
  EXPECT_THAT(stored_class_names(folder / "none.h5"), IsEmpty());
}

}  // namespace
}  // namespace resnext::worker
