// Every instruction set's kernels against plain loops in double precision.

#include "net/cpu/vector_kernels.h"

#include <cstdlib>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/net/relative_error.h"

namespace resnext::net::cpu {
namespace {

constexpr double kTolerance = 1e-5;
constexpr float kGuard = 777.0F;  // behind each output, to see writes past its end

using Floats = std::vector<float>;
using Doubles = std::vector<double>;

struct Case {
  std::string kernels;
  int block;
  std::size_t pixels;
};

class VectorKernelsTest : public testing::TestWithParam<Case> {
 protected:
  Floats random(std::size_t count) {
    std::uniform_real_distribution<float> uniform(-1.0F, 1.0F);
    Floats values(count);
    for (float& value : values) value = uniform(engine_);
    return values;
  }
  static Floats output(std::size_t count) { return Floats(count + 1, kGuard); }
  static void expect_close(Floats actual, Doubles expected) {
    EXPECT_EQ(actual.back(), kGuard);
    actual.back() = 1.0F;  // no less: sums of numbers near 1 may cancel
    expected.push_back(1.0);
    EXPECT_LE(relative_error(actual, expected), kTolerance);
  }

  const int block_ = GetParam().block;
  const std::size_t pixels_ = GetParam().pixels, count_ = pixels_ * std::size_t(block_);
  const VectorKernels& kernels_ = vector_kernels(GetParam().kernels);
  std::mt19937 engine_{3};
};

TEST_P(VectorKernelsTest, Moments) {
  const Floats x = random(count_), pivot = random(block_);
  Floats sum = output(block_), squares = output(block_);
  kernels_.moments(x.data(), pivot.data(), pixels_, block_, sum.data(), squares.data());
  Doubles sums(block_, 0.0), all_squares(block_, 0.0);
  for (std::size_t i = 0; i < count_; ++i) {
    const double d = double(x[i]) - pivot[i % block_];
    sums[i % block_] += d;
    all_squares[i % block_] += d * d;
  }
  expect_close(sum, sums);
  expect_close(squares, all_squares);
}

TEST_P(VectorKernelsTest, Normalise) {
  const Floats x = random(count_), z = random(count_);
  const Floats a = random(block_), b = random(block_), c = random(block_), d = random(block_);
  const AffineOperand plain{x.data(), nullptr, nullptr}, scaled{x.data(), a.data(), b.data()};
  const AffineOperand none{}, other{z.data(), nullptr, nullptr},
      other_scaled{z.data(), c.data(), d.data()};
  for (const AffineOperand& first : {plain, scaled}) {
    for (const AffineOperand& second : {none, other, other_scaled}) {
      for (const bool relu : {false, true}) {
        Floats y = output(count_);
        kernels_.normalise(first, second, relu, pixels_, block_, y.data());
        Doubles expected(count_);
        for (std::size_t i = 0; i < count_; ++i) {
          const std::size_t k = i % block_;
          double value = first.scale != nullptr ? double(x[i]) * a[k] + b[k] : x[i];
          if (second.values != nullptr) {
            value += second.scale != nullptr ? double(z[i]) * c[k] + d[k] : z[i];
          }
          expected[i] = relu ? std::max(0.0, value) : value;
        }
        expect_close(y, expected);
      }
    }
  }
}

/// One call of reduce_gradient: which of its optional parts are there.
struct Reduction {
  bool second, relu;
  int branches;
  bool in_place;
};

TEST_P(VectorKernelsTest, ReduceGradient) {
  for (const bool second : {false, true}) {
    for (const bool relu : {false, true}) {
      for (const int branches : {0, 1, 2}) {
        for (const bool in_place : {false, true}) {
          const Reduction r{second, relu, branches, in_place};
          Floats g = random(count_);
          const Floats g2 = random(count_), y = random(count_);
          const Floats x[2] = {random(count_), random(count_)};
          const Floats mean[2] = {random(block_), random(block_)};
          Doubles masked(count_), sum(block_, 0.0), products[2] = {sum, sum};
          for (std::size_t i = 0; i < count_; ++i) {
            masked[i] = double(g[i]) + (r.second ? double(g2[i]) : 0.0);
            if (r.relu && !(y[i] > 0)) masked[i] = 0;
            sum[i % block_] += masked[i];
            for (int k = 0; k < 2; ++k) {
              products[k][i % block_] += masked[i] * (double(x[k][i]) - mean[k][i % block_]);
            }
          }
          g.push_back(kGuard);
          Floats out = output(count_), sums = output(block_);
          Floats product_sums[2] = {output(block_), output(block_)};
          GradientReduction arguments;
          arguments.gradient = g.data();
          arguments.second_gradient = r.second ? g2.data() : nullptr;
          arguments.output = r.relu ? y.data() : nullptr;
          arguments.masked = r.in_place ? g.data() : out.data();
          for (int k = 0; k < r.branches; ++k) {
            arguments.inputs[k] = x[k].data();
            arguments.means[k] = mean[k].data();
            arguments.products[k] = product_sums[k].data();
          }
          arguments.sum = sums.data();
          kernels_.reduce_gradient(arguments, pixels_, block_);
          expect_close(r.in_place ? g : out, masked);
          if (r.branches > 0) expect_close(sums, sum);
          for (int k = 0; k < r.branches; ++k) expect_close(product_sums[k], products[k]);
        }
      }
    }
  }
}

TEST_P(VectorKernelsTest, InputGradientAlsoInPlace) {
  const Floats g = random(count_), x = random(count_);
  const Floats a = random(block_), b = random(block_), c = random(block_);
  Doubles expected(count_);
  for (std::size_t i = 0; i < count_; ++i) {
    const std::size_t k = i % block_;
    expected[i] = double(a[k]) * g[i] + double(b[k]) * x[i] + c[k];
  }
  Floats apart = output(count_), into_g = g, into_x = x;
  into_g.push_back(kGuard);
  into_x.push_back(kGuard);
  const auto run = [&](const float* from_g, const float* from_x, Floats& to) {
    kernels_.input_gradient(from_g, from_x, a.data(), b.data(), c.data(), pixels_, block_,
                            to.data());
    expect_close(to, expected);
  };
  run(g.data(), x.data(), apart);
  run(into_g.data(), x.data(), into_g);
  run(g.data(), into_x.data(), into_x);
}

TEST_P(VectorKernelsTest, Accumulate) {
  Floats total = random(count_);
  const Floats addend = random(count_);
  Doubles expected(total.begin(), total.end());
  for (std::size_t i = 0; i < count_; ++i) expected[i] += addend[i];
  total.push_back(kGuard);
  kernels_.accumulate(total.data(), addend.data(), count_);
  expect_close(total, expected);
}

TEST_P(VectorKernelsTest, ReluStopsWhatIsNotANumber) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Floats x(count_, nan);
  Floats y = output(count_);
  kernels_.normalise({x.data(), nullptr, nullptr}, {}, true, pixels_, block_, y.data());
  for (std::size_t i = 0; i < count_; ++i) ASSERT_EQ(y[i], 0.0F);  // alike for all sets
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const std::string& kernels : available_vector_kernels()) {
    for (const int block : {1, 3, 8, 16, 20}) {
      for (const std::size_t pixels : {1u, 2u, 7u, 49u, 100u}) {
        all.push_back({kernels, block, pixels});
      }
    }
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(All, VectorKernelsTest, testing::ValuesIn(cases()), [](const auto& test) {
  return test.param.kernels + "_block" + std::to_string(test.param.block) + "_pixels" +
         std::to_string(test.param.pixels);
});

/// RESNEXT_ISA set for a scope.
class ForcedKernels {
 public:
  explicit ForcedKernels(const char* name) {
    if (const char* old = std::getenv("RESNEXT_ISA")) before_ = old;
    setenv("RESNEXT_ISA", name, 1);
  }
  ~ForcedKernels() {
    if (before_) {
      setenv("RESNEXT_ISA", before_->c_str(), 1);
    } else {
      unsetenv("RESNEXT_ISA");
    }
  }
  ForcedKernels(const ForcedKernels&) = delete;
  ForcedKernels& operator=(const ForcedKernels&) = delete;

 private:
  std::optional<std::string> before_;
};

TEST(ChoiceOfVectorKernels, FollowsTheEnvironment) {
  for (const std::string& name : available_vector_kernels()) {
    const ForcedKernels forced(name.c_str());
    EXPECT_EQ(vector_kernels().name, name);
  }
}

TEST(ChoiceOfVectorKernels, NamesWhatIsThereWhereItIsNot) {
  const ForcedKernels forced("avx1024");
  try {
    vector_kernels();
    FAIL() << "no error";
  } catch (const std::runtime_error& error) {
    const std::string message = error.what();
    EXPECT_EQ(message.find("this machine cannot run the vector kernels 'avx1024' (RESNEXT_ISA); it "
                           "has: "),
              0u)
        << message;
    EXPECT_NE(message.find("portable"), std::string::npos);
  }
}

}  // namespace
}  // namespace resnext::net::cpu
