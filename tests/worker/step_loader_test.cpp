#include "worker/step_loader.h"

#include <gtest/gtest.h>

#include "data/synthetic.h"

namespace resnext::worker {
namespace {

constexpr int kReplicas = 4, kBatch = 3, kSize = 8;
constexpr std::uint64_t kSteps = 7;

/// 26 images: two whole batches of 12 and one of 2, which leaves two replicas without an image.
Setup small_setup() {
  Setup setup;
  setup.options.replicas = kReplicas;
  setup.options.batch_per_replica = kBatch;
  setup.options.image_size = kSize;
  setup.options.augment = "cifar";
  setup.options.seed = 11;
  setup.options.mean = {0.5F, 0.5F, 0.5F};
  setup.options.deviation = {0.25F, 0.25F, 0.25F};
  setup.training =
      data::make_synthetic({.size = 26, .classes = 5, .height = kSize, .width = kSize});
  setup.steps_per_epoch = 3;
  setup.total_steps = kSteps;
  return setup;
}

struct Seen {
  std::vector<std::uint32_t> samples;
  std::vector<std::int32_t> labels;
  std::vector<float> values;
  bool operator==(const Seen&) const = default;
};

/// What the replicas of one rank see from a step on: [step - first][local replica].
std::vector<std::vector<Seen>> all_batches(int first_replica, int replicas,
                                           std::uint64_t first_step) {
  Setup setup = small_setup();
  StepLoader loader(setup, first_replica, replicas, first_step);
  std::vector<std::vector<Seen>> steps;
  for (std::uint64_t step = first_step; step < kSteps; ++step) {
    auto& seen = steps.emplace_back();
    for (int local = 0; local < replicas; ++local) {
      const data::LoadedBatch& batch = loader.next();
      seen.push_back({batch.samples, batch.labels, batch.values});
    }
  }
  EXPECT_THROW(loader.next(), std::logic_error);  // nothing is loaded beyond the end
  return steps;
}

TEST(StepLoader, GivesEachReplicaItsSamplesInOrder) {
  const auto steps = all_batches(0, kReplicas, 0);
  data::Sampler sampler({26, kReplicas, kBatch, 11, true});
  for (std::uint64_t step = 0; step < kSteps; ++step) {
    for (int replica = 0; replica < kReplicas; ++replica) {
      const auto wanted = sampler.replica_samples(step / 3 + 1, step % 3, replica);
      EXPECT_EQ(steps[step][replica].samples, wanted) << "step " << step << ", " << replica;
      for (std::size_t i = 0; i < wanted.size(); ++i) {
        EXPECT_EQ(steps[step][replica].labels[i], static_cast<std::int32_t>(wanted[i] % 5));
      }
    }
  }
  EXPECT_TRUE(steps[2][2].samples.empty());
  EXPECT_TRUE(steps[2][3].samples.empty());
}

TEST(StepLoader, ReplicasSeeTheSameWhicheverRankHoldsThem) {
  const auto whole = all_batches(0, kReplicas, 0);
  for (const int share : {1, 2}) {
    for (int first = 0; first < kReplicas; first += share) {
      const auto part = all_batches(first, share, 0);
      for (std::uint64_t step = 0; step < kSteps; ++step) {
        for (int local = 0; local < share; ++local) {
          EXPECT_EQ(part[step][local], whole[step][first + local]);
        }
      }
    }
  }
}

TEST(StepLoader, StartsInTheMiddleOfARun) {
  const auto whole = all_batches(0, kReplicas, 0);
  for (const std::uint64_t first : {1, 3, 5}) {
    const auto rest = all_batches(0, kReplicas, first);
    for (std::uint64_t step = first; step < kSteps; ++step) {
      EXPECT_EQ(rest[step - first], whole[step]) << "from step " << first;
    }
  }
}

TEST(StepLoader, CountsTheGlobalBatch) {
  auto setup = small_setup();
  const StepLoader loader(setup, 0, 1, 0);
  EXPECT_EQ(loader.global_batch(0), 12U);
  EXPECT_EQ(loader.global_batch(2), 2U);
  EXPECT_EQ(loader.global_batch(4), 12U);
  EXPECT_EQ(loader.global_batch(5), 2U);
}

}  // namespace
}  // namespace resnext::worker
