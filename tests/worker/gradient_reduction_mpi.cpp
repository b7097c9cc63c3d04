// Run by ctest under mpirun with several numbers of ranks: every test is collective.

#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "worker/comm/gradient_reduction.h"
#include "worker/gradient_norm.h"

namespace resnext::worker {
namespace {

using ::testing::HasSubstr;

constexpr int kSteps = 3;
constexpr SgdOptions kSgd{0.9F, 1e-2F, true};

/// Of magnitudes so different that any other order of additions gives other bits.
std::vector<float> gradient(std::size_t values, int step, int replica) {
  std::mt19937 generator(static_cast<unsigned>(1000 * step + replica));
  std::vector<float> result(values);
  for (float& value : result) {
    const float mantissa = static_cast<float>(generator() % 20001) / 10000 - 1;
    value = std::ldexp(mantissa, static_cast<int>(generator() % 24) - 12);
  }
  return result;
}

std::vector<float> starting_parameters(std::size_t values) {
  return gradient(values, kSteps, 0);
}

struct Outcome {
  std::vector<float> parameters, momentum;
  std::vector<double> norms{};
};

/// What one process alone computes, by the definitions.
Outcome serial(std::size_t values, int replicas, double clip_norm = 0) {
  Outcome state{starting_parameters(values), std::vector<float>(values, 0.0F)};
  for (int step = 0; step < kSteps; ++step) {
    std::vector<std::vector<float>> gradients;
    for (int replica = 0; replica < replicas; ++replica) {
      gradients.push_back(gradient(values, step, replica));
    }
    std::vector<float*> parts;
    for (auto& one : gradients) parts.push_back(one.data());
    sum_as_tree(parts, values);
    if (clip_norm > 0) {
      std::vector<double> blocks((values + kNormBlock - 1) / kNormBlock);
      sum_blocks_of_squares(gradients.front(), blocks);
      state.norms.push_back(norm_of_blocks(blocks));
      scale(gradients.front(), clipping_factor(state.norms.back(), clip_norm));
    }
    sgd_update(kSgd, 0.1F, gradients.front(), state.momentum, state.parameters);
  }
  return state;
}

/// Writes the last gradient bit by bit, as a backward pass does; what is not yet ready is NaN.
void write_last_gradient(const std::vector<float>& gradient, std::span<float> target,
                         GradientReduction& reduction) {
  std::fill(target.begin(), target.end(), std::numeric_limits<float>::quiet_NaN());
  std::size_t ready = 0;
  for (std::size_t length = 1; ready < gradient.size(); length = 3 * length + 1) {
    const std::size_t next = std::min(gradient.size(), ready + length);
    std::copy(gradient.begin() + static_cast<std::ptrdiff_t>(ready),
              gradient.begin() + static_cast<std::ptrdiff_t>(next),
              target.begin() + static_cast<std::ptrdiff_t>(ready));
    ready = next;
    reduction.ready(ready);
  }
}

/// The same on all ranks together; parameters on each of them, momentum on rank 0.
Outcome distributed(const Communicator& world, std::size_t values, std::size_t bucket, int share,
                    ReductionMode mode, double clip_norm = 0) {
  GradientReduction reduction(values, bucket, mode, kSgd, std::chrono::seconds(60), clip_norm);
  std::vector<double> norms;
  LocalReplicaSum local(values, share);
  std::vector<float> parameters = starting_parameters(values);
  for (int step = 0; step < kSteps; ++step) {
    local.reset();
    reduction.begin(local, parameters, 0.1F);
    for (int i = 0; i < share; ++i) {
      const auto own = gradient(values, step, world.rank() * share + i);
      if (i + 1 < share) {
        std::copy(own.begin(), own.end(), local.next_gradient().begin());
        local.add();
      } else {
        write_last_gradient(own, local.next_gradient(), reduction);
      }
    }
    reduction.finish();
    norms.push_back(reduction.gradient_norm());
  }
  return {parameters, reduction.gather_momentum({}), norms};
}

bool same_bits(const std::vector<float>& one, const std::vector<float>& other) {
  return one.size() == other.size() &&
         std::memcmp(one.data(), other.data(), one.size() * sizeof(float)) == 0;
}

struct Shape {
  std::size_t values, bucket;
};
// Buckets of one value, not divisible by any number of ranks, larger than the arena; an arena with
// fewer values than there are ranks.
constexpr Shape kShapes[] = {{61, 1}, {1037, 7}, {1037, 100}, {1037, 1037}, {1037, 5000}, {3, 2}};

TEST(GradientReduction, ExactEqualsOneProcessBitForBit) {
  const Communicator world;
  for (const auto& [values, bucket] : kShapes) {
    for (const int share : {1, 2, 4}) {
      SCOPED_TRACE(
          fmt::format("{} values in buckets of {}, {} replicas a rank", values, bucket, share));
      const Outcome wanted = serial(values, share * world.size());
      const Outcome got = distributed(world, values, bucket, share, ReductionMode::kExact);
      EXPECT_TRUE(same_bits(got.parameters, wanted.parameters));
      if (world.rank() == 0) {
        EXPECT_TRUE(same_bits(got.momentum, wanted.momentum));
      } else {
        EXPECT_TRUE(got.momentum.empty());
      }
    }
  }
}

// Buckets and segments of a few blocks, of less than one, and fewer blocks than ranks.
constexpr Shape kClippedShapes[] = {{3, 2}, {5000, 1}, {20000, 3000}, {20000, 50000}};

TEST(GradientReduction, ClippedEqualsOneProcessBitForBit) {
  const Communicator world;
  for (const auto& [values, bucket] : kClippedShapes) {
    for (const int share : {1, 2}) {
      SCOPED_TRACE(fmt::format("{} values in buckets of {}, {} a rank", values, bucket, share));
      const double norm = serial(values, share * world.size(), 1e30).norms.front();
      for (const double limit : {norm / 100, norm * 100}) {
        const Outcome wanted = serial(values, share * world.size(), limit);
        const Outcome got = distributed(world, values, bucket, share, ReductionMode::kExact, limit);
        EXPECT_TRUE(same_bits(got.parameters, wanted.parameters));
        EXPECT_EQ(got.norms, wanted.norms);
        if (world.rank() == 0) {
          EXPECT_TRUE(same_bits(got.momentum, wanted.momentum));
        }
      }
    }
  }
}

TEST(GradientReduction, FastClippedEqualsOneProcessToRounding) {
  const Communicator world;
  const Outcome wanted = serial(5000, world.size(), 1.0);
  const Outcome got = distributed(world, 5000, 1500, 1, ReductionMode::kFast, 1.0);
  for (int step = 0; step < kSteps; ++step) {
    EXPECT_NEAR(got.norms[step], wanted.norms[step], 1e-4 * wanted.norms[step]);
  }
  for (std::size_t i = 0; i < wanted.parameters.size(); ++i) {
    EXPECT_NEAR(got.parameters[i], wanted.parameters[i],
                1e-5 + 1e-5 * std::abs(wanted.parameters[i]));
  }
}

TEST(GradientReduction, FastEqualsOneProcessToRounding) {
  const Communicator world;
  for (const auto& [values, bucket] : kShapes) {
    const Outcome wanted = serial(values, 2 * world.size());
    const Outcome got = distributed(world, values, bucket, 2, ReductionMode::kFast);
    ASSERT_EQ(got.parameters.size(), values);
    for (std::size_t i = 0; i < values; ++i) {
      // Gradients have magnitudes of up to 2^12, of which the seventh digit may be lost.
      EXPECT_NEAR(got.parameters[i], wanted.parameters[i],
                  1e-2 + 1e-5 * std::abs(wanted.parameters[i]));
    }
    if (world.rank() == 0) {
      EXPECT_EQ(got.momentum.size(), values);
    }
  }
}

TEST(GradientReduction, MomentumGoesOutAndComesBack) {
  const Communicator world;
  for (const ReductionMode mode : {ReductionMode::kExact, ReductionMode::kFast}) {
    for (const auto& [values, bucket] : kShapes) {
      GradientReduction reduction(values, bucket, mode, kSgd, std::chrono::seconds(60));
      std::vector<float> whole(values);
      std::iota(whole.begin(), whole.end(), 1.0F);
      reduction.set_momentum(whole);
      const std::vector<float> gathered = reduction.gather_momentum({});
      if (world.rank() == 0) {
        EXPECT_EQ(gathered, whole);
      }
    }
  }
}

// A run that stops after two of three steps and goes on with the momentum it saved.
TEST(GradientReduction, GoesOnFromGatheredMomentum) {
  const Communicator world;
  constexpr std::size_t kValues = 50;
  const Outcome wanted = serial(kValues, world.size());
  std::vector<float> parameters = starting_parameters(kValues), momentum(kValues, 0.0F);
  for (int step = 0; step < kSteps; ++step) {
    GradientReduction reduction(kValues, 8, ReductionMode::kExact, kSgd, std::chrono::seconds(60));
    reduction.set_momentum(momentum);
    LocalReplicaSum local(kValues, 1);
    reduction.begin(local, parameters, 0.1F);
    write_last_gradient(gradient(kValues, step, world.rank()), local.next_gradient(), reduction);
    reduction.finish();
    const std::vector<float> gathered = reduction.gather_momentum({});
    if (world.rank() == 0) momentum = gathered;
    world.broadcast(std::span<float>(momentum));
  }
  EXPECT_TRUE(same_bits(parameters, wanted.parameters));
}

/// The last rank comes once the others have said that they gave up on it, however slow the machine.
TEST(Communicator, ARankThatDoesNotComeIsAnErrorThatNamesTheOperation) {
  Communicator world;
  if (world.size() == 1) GTEST_SKIP() << "nobody to wait for";
  world.set_timeout(std::chrono::seconds(1));
  const int late = world.size() - 1;
  if (world.rank() == late) {
    for (int other = 0; other < late; ++other) {
      check_mpi(MPI_Recv(nullptr, 0, MPI_BYTE, other, 0, world.get(), MPI_STATUS_IGNORE),
                "MPI_Recv");
    }
  }
  MPI_Request request = MPI_REQUEST_NULL;
  check_mpi(MPI_Ibarrier(world.get(), &request), "MPI_Ibarrier");
  if (world.rank() != late) {
    try {
      world.wait(request, "the barrier of this test");
      ADD_FAILURE() << "it came";
    } catch (const std::runtime_error& error) {
      EXPECT_THAT(error.what(),
                  HasSubstr("waited 1 s for other ranks in the barrier of this test"));
      EXPECT_THAT(error.what(), HasSubstr("--timeout"));
    }
    check_mpi(MPI_Send(nullptr, 0, MPI_BYTE, late, 0, world.get()), "MPI_Send");
  }
  MPI_Wait(&request, MPI_STATUS_IGNORE);
}

TEST(Communicator, FailuresAreTheSameOnAllRanks) {
  const Communicator world;
  EXPECT_EQ(world.first_failure(std::nullopt), std::nullopt);
  EXPECT_NO_THROW(world.fail_together(std::nullopt));
  EXPECT_EQ(world.first_failure("no such file"), "no such file");
  if (world.size() == 1) return;
  const bool failed = world.rank() > 0;
  const auto own = failed ? std::optional(fmt::format("failure {}", world.rank())) : std::nullopt;
  EXPECT_EQ(world.first_failure(own), "rank 1: failure 1");
  EXPECT_THROW(world.fail_together(own), AgreedFailure);
}

TEST(Communicator, BroadcastsAndSums) {
  const Communicator world;
  std::vector<float> values(1000, static_cast<float>(world.rank() + 1));
  world.broadcast(std::span<float>(values));
  EXPECT_EQ(values, std::vector<float>(1000, 1.0F));
  std::string text = world.rank() == 0 ? "from rank 0" : "";
  world.broadcast_string(text);
  EXPECT_EQ(text, "from rank 0");
  std::vector<std::int64_t> counts = {1, world.rank()};
  world.sum(counts);
  EXPECT_EQ(counts[0], world.size());
  EXPECT_EQ(counts[1], world.size() * (world.size() - 1) / 2);
}

}  // namespace
}  // namespace resnext::worker
