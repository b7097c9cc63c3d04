#include "data/random.h"

#include <array>

#include <gtest/gtest.h>

namespace resnext::data {
namespace {

// Published test vector of splitmix64: the first outputs from state 1234567.
TEST(Random, MixIsSplitmix64) {
  constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15u;
  EXPECT_EQ(mix64(1234567 + 1 * kStep), 6457827717110365317u);
  EXPECT_EQ(mix64(1234567 + 2 * kStep), 3203168211198807973u);
  EXPECT_EQ(mix64(1234567 + 3 * kStep), 9817491932198370423u);
}

TEST(Random, EveryPartOfTheKeyMatters) {
  const auto first = [](Purpose purpose, std::initializer_list<std::uint64_t> key) {
    return Draws(purpose, key).bits();
  };
  const std::uint64_t base = first(Purpose::kAugmentation, {1, 2, 3});
  EXPECT_EQ(base, first(Purpose::kAugmentation, {1, 2, 3}));
  EXPECT_NE(base, first(Purpose::kSynthetic, {1, 2, 3}));
  EXPECT_NE(base, first(Purpose::kAugmentation, {0, 2, 3}));
  EXPECT_NE(base, first(Purpose::kAugmentation, {1, 3, 3}));
  EXPECT_NE(base, first(Purpose::kAugmentation, {1, 2, 4}));
  EXPECT_NE(base, first(Purpose::kAugmentation, {2, 1, 3}));
}

TEST(Random, UniformHasTheMomentsOfTheUniformDistribution) {
  constexpr int kDraws = 100000;
  Draws draws(Purpose::kAugmentation, {7});
  double sum = 0, squares = 0, lag = 0, previous = 0.5;
  for (int i = 0; i < kDraws; ++i) {
    const double x = draws.uniform();
    ASSERT_GE(x, 0.0);
    ASSERT_LT(x, 1.0);
    sum += x;
    squares += x * x;
    lag += (x - 0.5) * (previous - 0.5);
    previous = x;
  }
  EXPECT_NEAR(sum / kDraws, 1.0 / 2, 0.004);  // over four standard deviations
  EXPECT_NEAR(squares / kDraws, 1.0 / 3, 0.004);
  EXPECT_NEAR(lag / kDraws, 0.0, 0.0012);
}

// Streams of neighbouring keys must be as unrelated as draws of one stream.
TEST(Random, FirstDrawsOfNeighbouringKeysAreUniform) {
  std::array<int, 16> counts{};
  for (std::uint64_t sample = 0; sample < 16000; ++sample)
    ++counts[Draws(Purpose::kAugmentation, {0, 1, sample}).below(16)];
  double chi_square = 0;
  for (const int count : counts) chi_square += (count - 1000.0) * (count - 1000.0) / 1000.0;
  EXPECT_LT(chi_square, 42.0);  // 15 degrees of freedom: 1 in 4000
  EXPECT_GT(chi_square, 2.5);
}

// Without the rejection a bound of 3/4 of 2^64 gives multiples of three half of the time.
TEST(Random, BoundedDrawsAreUnbiased) {
  constexpr std::uint64_t kBound = std::uint64_t(3) << 62;
  std::array<int, 3> counts{};
  Draws draws(Purpose::kPermutation, {1});
  for (int i = 0; i < 30000; ++i) {
    const std::uint64_t value = draws.below(kBound);
    ASSERT_LT(value, kBound);
    ++counts[value % 3];
  }
  for (const int count : counts) EXPECT_NEAR(count, 10000, 400);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(draws.below(1), 0u);
}

}  // namespace
}  // namespace resnext::data
