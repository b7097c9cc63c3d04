// The convolutions' kernels of every instruction set that this machine has, over random shapes,
// against double precision.

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "cli/instruction_set.h"
#include "net/cpu/bfloat16.h"
#include "net/cpu/correlation_plan.h"
#include "net/cpu/kernels/kernel_set.h"
#include "net/cpu/packed_weights.h"
#include "net/cpu/thread_sums.h"
#include "tests/net/cpu/kernels/convolution_case.h"

namespace resnext::net::cpu {
namespace {

constexpr int kCases = 150;
constexpr float kUntouched = 77.0F;  // bf16 holds it
constexpr std::size_t kGuard = 64;

struct Kind {
  std::string set;
  Precision precision;
};

void PrintTo(const Kind& kind, std::ostream* out) {
  *out << kind.set << (kind.precision == Precision::kBf16 ? "Bf16" : "Fp32");
}

std::vector<Kind> kinds() {
  std::vector<Kind> all;
  for (const std::string& set : cli::available_instruction_sets()) {
    all.push_back({set, Precision::kFp32});
    all.push_back({set, Precision::kBf16});
  }
  return all;
}

/// Values as kernels hold them, with room behind that they must leave alone.
class Stored {
 public:
  Stored(std::size_t count, Precision precision)
      : count_(count), memory_((count + kGuard) * bytes_of(precision)), precision_(precision) {
    for (std::size_t i = 0; i < count_ + kGuard; ++i) values().set(i, kUntouched);
  }
  Stored(const std::vector<double>& from, Precision precision) : Stored(from.size(), precision) {
    for (std::size_t i = 0; i < from.size(); ++i) values().set(i, float(from[i]));
  }

  StoredValues values() { return {memory_.data(), precision_}; }
  void* data() { return memory_.data(); }
  bool guard_is_whole() {
    for (std::size_t i = count_; i < count_ + kGuard; ++i) {
      if (values().get(i) != kUntouched) return false;
    }
    return true;
  }

 private:
  std::size_t count_;
  AlignedVector<std::byte> memory_;
  Precision precision_;
};

class ConvolutionKernels : public testing::TestWithParam<Kind> {
 protected:
  const KernelSet& kernels() const { return kernel_set(GetParam().set); }
  Precision precision() const { return GetParam().precision; }

  /// Of a sum of products of values below 1.
  double tolerance(double expected) const {
    return 2e-5 * (1 + std::abs(expected)) +
           (precision() == Precision::kBf16 ? std::abs(expected) / 250 : 0.0);
  }

  void expect_values(Stored& actual, const std::vector<double>& expected) const {
    ASSERT_TRUE(actual.guard_is_whole());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      ASSERT_NEAR(actual.values().get(i), expected[i], tolerance(expected[i])) << "value " << i;
    }
  }

  Operand reading(Stored& stored) const {
    Operand operand;
    operand.values = stored.data();
    operand.precision = precision();
    return operand;
  }

  /// In two parts, as two threads would.
  void correlate(const WeightPacking& packing, const std::vector<double>& weights,
                 const Operand& operand, CorrelationOutput out, ThreadSums& sums,
                 AlignedVector<float>& pivots) const {
    const CorrelationPlan& plan = packing.plan;
    const std::vector<float> canonical(weights.begin(), weights.end());
    AlignedVector<float> packed(packing.count());
    packing.pack(canonical, packed.data());
    AlignedVector<float> slab(plan.slab_total, kUntouched), between(plan.sums_total);
    std::vector<std::int32_t> pixels(plan.pixels_total);
    const CorrelationWorkspace work{slab.data(), between.data(), pixels.data()};
    const int rows = plan.shape.images * plan.shape.height;
    for (int part = 0; part < 2; ++part) {
      CorrelationOutput own = out;
      own.sums = sums.of(part);
      own.pivot = &pivots[part * pivots.size() / 2];
      own.pivot_due = true;
      kernels().correlate(plan, {part * (rows / 2), part == 0 ? rows / 2 : rows}, operand,
                          packed.data(), own, work);
    }
  }

  WeightPacking packing(const CorrelationShape& shape, const ConvolutionCase& c) const {
    WeightPacking made;
    made.plan = plan_correlation(shape, kernels());
    made.lanes = kernels().lanes;
    made.kernel = c.node.window.kernel;
    return made;
  }

  void check_forward(const ConvolutionCase& c) const;
  void check_normalised_forward(const ConvolutionCase& c) const;
  void check_input_gradient(const ConvolutionCase& c) const;
  void check_kernel_gradient(const ConvolutionCase& c) const;
};

void ConvolutionKernels::check_forward(const ConvolutionCase& c) const {
  Stored x(c.x, precision()), y(c.output_values(), precision());
  const int channels = c.node.output.channels;
  ThreadSums sums(2, channels, 2);
  AlignedVector<float> pivots(2 * (channels + 2 * kVectorSlack));
  CorrelationOutput out;
  out.kind = OutputKind::kMoments;
  out.values = y.data();
  out.precision = precision();
  const WeightPacking forward = packing(forward_shape(c.node, c.input, c.images), c);
  correlate(forward, c.w, reading(x), out, sums, pivots);
  const std::vector<double> expected = c.forward();
  expect_values(y, expected);
  const CorrelationShape& s = forward.plan.shape;
  const int first_pixels = s.images * s.height / 2 * s.width;
  for (int o = 0; o < channels; ++o) {
    double sum = 0, square = 0;
    for (std::size_t p = 0; p < expected.size() / channels; ++p) {
      const float pivot = pivots[(int(p) < first_pixels ? 0 : pivots.size() / 2) + o];
      const double d = expected[p * channels + o] - pivot;
      sum += d;
      square += d * d;
    }
    const double pixels = double(expected.size()) / channels;
    ASSERT_NEAR(sums.total(0, o), sum, 1e-3 * pixels) << "channel " << o;
    ASSERT_NEAR(sums.total(1, o), square, 1e-4 * (1 + square) + 1e-3 * pixels) << "channel " << o;
  }
}

/// Inputs through a batch-norm and ReLU that are due.
void ConvolutionKernels::check_normalised_forward(const ConvolutionCase& c) const {
  ConvolutionCase normalised = c;
  AlignedVector<float> scale(c.input.channels + kVectorSlack), shift(scale.size());
  for (int i = 0; i < c.input.channels; ++i) {
    scale[i] = float(i % 5 - 2) / 2;
    shift[i] = float(i % 3 - 1) / 4;
  }
  for (std::size_t i = 0; i < c.x.size(); ++i) {
    const std::size_t channel = i % c.input.channels;
    normalised.x[i] = std::max(0.0, c.x[i] * scale[channel] + shift[channel]);
  }
  Stored x(c.x, precision()), y(c.output_values(), precision());
  ThreadSums sums(2, c.node.output.channels, 2);
  AlignedVector<float> pivots(2 * (c.node.output.channels + 2 * kVectorSlack));
  CorrelationOutput out;
  out.values = y.data();
  out.precision = precision();
  Operand operand = reading(x);
  operand.scale = scale.data();
  operand.shift = shift.data();
  operand.relu = true;
  correlate(packing(forward_shape(c.node, c.input, c.images), c), c.w, operand, out, sums, pivots);
  expect_values(y, normalised.forward());
}

/// With an addend, and as the gradient of a batch-norm and ReLU, whose sums are taken.
void ConvolutionKernels::check_input_gradient(const ConvolutionCase& c) const {
  const int channels = c.input.channels, stride = c.node.window.stride;
  Stored dy(c.dy, precision()), x(c.x, precision()), dx(c.x, precision());
  AlignedVector<float> scale(channels + kVectorSlack, 1.0F), shift(scale.size()),
      mean(scale.size(), 0.25F);
  for (int i = 0; i < channels; ++i) shift[i] = float(i % 3 - 1) / 4;
  ThreadSums sums(2, channels, 2);
  AlignedVector<float> pivots(2 * (channels + 2 * kVectorSlack));
  std::vector<double> expected = c.input_gradient();
  std::vector<bool> computed(expected.size(), false);
  for (int row = 0; row < stride; ++row) {
    for (int column = 0; column < stride; ++column) {
      const CorrelationShape shape = backward_shape(c.node, c.input, c.images, row, column);
      const bool empty = shape.height == 0 || shape.width == 0;
      if (empty || shape.kernel_height == 0 || shape.kernel_width == 0) continue;
      WeightPacking backward = packing(shape, c);
      backward.transposed = true;
      backward.step = -stride;
      const auto first = [&](int remainder, int count) {
        return (remainder + c.node.window.padding) % stride + (count - 1) * stride;
      };
      backward.first_row = first(row, shape.kernel_height);
      backward.first_column = first(column, shape.kernel_width);
      CorrelationOutput out;
      out.kind = OutputKind::kGradient;
      out.values = dx.data();
      out.addend = dx.data();
      out.precision = precision();
      out.relu = true;
      out.scale = scale.data();
      out.shift = shift.data();
      out.inputs[0] = x.data();
      out.means[0] = mean.data();
      correlate(backward, c.w, reading(dy), out, sums, pivots);
      for (int n = 0; n < c.images; ++n) {
        for (int y = row; y < c.input.height; y += stride) {
          for (int z = column; z < c.input.width; z += stride) {
            const std::size_t at =
                ((std::size_t(n) * c.input.height + y) * c.input.width + z) * channels;
            std::fill_n(computed.begin() + std::ptrdiff_t(at), channels, true);
          }
        }
      }
    }
  }
  std::vector<double> sum(channels), product(channels);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const std::size_t channel = i % channels;
    if (!computed[i]) {
      expected[i] = c.x[i];  // the addend alone
      continue;
    }
    expected[i] = c.x[i] + shift[channel] > 0 ? expected[i] + c.x[i] : 0.0;
    sum[channel] += expected[i];
    product[channel] += expected[i] * (c.x[i] - mean[channel]);
  }
  expect_values(dx, expected);
  const double pixels = double(expected.size()) / channels;
  for (int i = 0; i < channels; ++i) {
    ASSERT_NEAR(sums.total(0, i), sum[i], 2e-4 * pixels) << "channel " << i;
    ASSERT_NEAR(sums.total(1, i), product[i], 2e-4 * pixels) << "channel " << i;
  }
}

void ConvolutionKernels::check_kernel_gradient(const ConvolutionCase& c) const {
  Stored x(c.x, precision()), dy(c.dy, precision());
  const WeightPacking forward = packing(forward_shape(c.node, c.input, c.images), c);
  const CorrelationPlan& plan = forward.plan;
  AlignedVector<float> sums(2 * forward.count());
  AlignedVector<float> slab(plan.slab_total, kUntouched);
  AlignedVector<float> gradients(
      plan.fill_groups * (most_outputs(plan) * plan.output_vectors + 1) * forward.lanes + kGuard);
  const int rows = plan.shape.images * plan.shape.height;
  for (int part = 0; part < 2; ++part) {
    kernels().kernel_gradient(plan, {part * (rows / 2), part == 0 ? rows / 2 : rows}, reading(x),
                              reading(dy), {slab.data(), gradients.data()},
                              sums.data() + part * forward.count());
  }
  std::vector<float> canonical(c.w.size(), kUntouched);
  unpack_gradient(forward, sums, 2, 1, canonical);
  const std::vector<double> expected = c.weight_gradient();
  for (std::size_t i = 0; i < expected.size(); ++i) {
    ASSERT_NEAR(canonical[i], expected[i], 2e-5 * (10 + std::abs(expected[i]))) << "weight " << i;
  }
}

TEST_P(ConvolutionKernels, AgreeWithDoublePrecision) {
  std::mt19937 random(5);
  for (int i = 0; i < kCases && !HasFatalFailure(); ++i) {
    const ConvolutionCase drawn = draw_convolution(random);
    SCOPED_TRACE(drawn.description());
    check_forward(drawn);
    check_normalised_forward(drawn);
    check_input_gradient(drawn);
    check_kernel_gradient(drawn);
  }
}

TEST_P(ConvolutionKernels, OfSinglePixelsAgreeWithDoublePrecision) {
  std::mt19937 random(6);
  for (int i = 0; i < kCases / 5 && !HasFatalFailure(); ++i) {
    const ConvolutionCase c = draw_pointwise(random);
    SCOPED_TRACE(c.description());
    check_forward(c);
    check_normalised_forward(c);
    Stored x(c.x, precision()), dy(c.dy, precision());
    const Shape& out = c.node.output;
    const MatrixGradient shape{out.channels,   c.input.channels, out.height,          out.width,
                               c.input.height, c.input.width,    c.node.window.stride};
    AlignedVector<float> outputs(kPixelRun * (kOutputRun + kGuard)),
        inputs(kPixelRun * (shape.inputs + kGuard));
    std::vector<float> gradient(c.w.size(), kUntouched);
    const int half = out.channels / 2, pixels = c.images * out.height * out.width;
    for (const MatrixGradientPart& part : {MatrixGradientPart{0, pixels, 0, half},
                                           MatrixGradientPart{0, pixels, half, out.channels}}) {
      kernels().matrix_gradient(shape, part, reading(x), reading(dy),
                                {outputs.data(), inputs.data()}, gradient.data());
    }
    const std::vector<double> expected = c.weight_gradient();
    for (std::size_t k = 0; k < expected.size(); ++k) {
      ASSERT_NEAR(gradient[k], expected[k], 2e-5 * (10 + std::abs(expected[k]))) << "weight " << k;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(InstructionSets, ConvolutionKernels, testing::ValuesIn(kinds()),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace resnext::net::cpu
