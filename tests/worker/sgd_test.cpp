#include "worker/sgd.h"

#include <array>
#include <cmath>
#include <fstream>
#include <random>
#include <sstream>
#include <vector>

#include <gtest/gtest.h>

namespace resnext::worker {
namespace {

constexpr std::array kStart = {0.5F, -1.25F, 2.0F, 0.0F, 1e-3F, -30.0F};

// tests/golden/make_sgd_golden.py says what a line holds.
TEST(Sgd, AgreesWithPyTorch) {
  std::ifstream file(RESNEXT_SOURCE_DIR "/tests/golden/sgd_series.txt");
  std::vector<float> values, momentum, gradients(kStart.size()), wanted(kStart.size());
  int lines = 0;
  for (std::string line; std::getline(file, line); ++lines) {
    std::istringstream numbers(line);
    SgdOptions options;
    int step = -1;
    float learning_rate = 0;
    numbers >> options.nesterov >> options.momentum >> options.weight_decay >> step >>
        learning_rate;
    for (float& gradient : gradients) numbers >> gradient;
    for (float& value : wanted) numbers >> value;
    ASSERT_TRUE(numbers) << line;
    if (step == 0) {
      values.assign(kStart.begin(), kStart.end());
      momentum.assign(kStart.size(), 0.0F);
    }
    sgd_update(options, learning_rate, gradients, momentum, values);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      EXPECT_NEAR(values[i], wanted[i], 1e-6 * std::max(1.0F, std::abs(wanted[i])))
          << "value " << i << " of: " << line;
    }
  }
  EXPECT_EQ(lines, 20);
}

std::vector<float> random_values(std::size_t count, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(generator);
  return values;
}

// Awkward pieces exercise a vectorised loop's head and tail.
TEST(Sgd, CutsOfTheArenaDoNotChangeABit) {
  constexpr std::size_t kCount = 1003;
  const std::vector<float> gradients = random_values(kCount, 1);
  for (const bool nesterov : {true, false}) {
    const SgdOptions options{0.9F, 5e-4F, nesterov};
    std::vector<float> whole = random_values(kCount, 2), whole_momentum = random_values(kCount, 3);
    std::vector<float> pieces = whole, pieces_momentum = whole_momentum;
    sgd_update(options, 0.1F, gradients, whole_momentum, whole);
    std::size_t first = 0;
    for (std::size_t length = 1; first < kCount; length = length * 2 + 1) {
      const std::size_t count = std::min(length, kCount - first);
      sgd_update(options, 0.1F, std::span(gradients).subspan(first, count),
                 std::span(pieces_momentum).subspan(first, count),
                 std::span(pieces).subspan(first, count));
      first += count;
    }
    EXPECT_EQ(whole, pieces);
    EXPECT_EQ(whole_momentum, pieces_momentum);
  }
}

}  // namespace
}  // namespace resnext::worker
