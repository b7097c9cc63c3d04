// A step allocates nothing that counts: all memory is planned when a program is compiled.

#include <cstdlib>
#include <new>
#include <vector>

#include <gtest/gtest.h>
#include <malloc.h>

#include "net/engine.h"
#include "tests/net/allocation_watch.h"
#include "tests/net/training_sample.h"

namespace resnext::net {
namespace {

TEST(AllocationWatch, SeesNewAndMalloc) {
  watch_allocations();
  void* volatile plain = std::malloc(2000);  // volatile, or the compiler leaves it out
  void* volatile by_new = ::operator new(3000);
  void* aligned = nullptr;
  const int failed = posix_memalign(&aligned, 64, 4000);
  const Allocations seen = watched_allocations();
  std::free(plain);
  ::operator delete(by_new);
  std::free(aligned);
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(seen.count, 3u);
  EXPECT_EQ(seen.bytes, 9000u);
  EXPECT_EQ(seen.largest, 4000u);
}

class EngineAllocation : public testing::TestWithParam<int> {};

TEST_P(EngineAllocation, NoneOfActivationsWeightsOrWorkspaces) {
  const Graph graph = build_graph(parse_spec("resnext50_32x4d_w16"), {3, 96, 96}, 100);
  const TrainingSample sample = draw_training_sample(graph, 4, 1);
  const auto engine = make_cpu_engine(graph, sample.normalisation, GetParam());
  std::vector<float> gradients(graph.parameter_count), statistics = sample.statistics;
  std::vector<float> parameters = sample.parameters, logits(4 * 100);
  const auto step = [&] {
    engine->set_parameters(parameters);
    engine->train(sample.batch(), 0.25F, gradients, statistics, [](std::size_t) {});
    engine->evaluate(sample.batch(), statistics, logits);
  };
  step();
  step();
  const std::size_t in_use = mallinfo2().uordblks;
  watch_allocations();
  constexpr int kSteps = 5;
  for (int i = 0; i < kSteps; ++i) step();
  const Allocations seen = watched_allocations();
  RecordProperty("allocations_a_step", static_cast<int>(seen.count / kSteps));
  RecordProperty("bytes_a_step", static_cast<int>(seen.bytes / kSteps));
  RecordProperty("largest", static_cast<int>(seen.largest));
  // Logits are copied, and functions bound: smaller than any feature map, and soon gone.
  EXPECT_LE(seen.largest, 4096u);
  EXPECT_LE(mallinfo2().uordblks, in_use + 4096u);
}

INSTANTIATE_TEST_SUITE_P(Threads, EngineAllocation, testing::Values(1, 2));

}  // namespace
}  // namespace resnext::net
