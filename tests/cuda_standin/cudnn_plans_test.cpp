// The graphs of production code, planned by the real cuDNN and computed by the stand-in, against
// plain loops in fp64.

#include <cmath>

#include <gtest/gtest.h>

#include "net/cuda/layer_graphs.h"
#include "tests/cuda_standin/plan_on_device.h"

namespace resnext::standin {
namespace {

using net::cuda::DataType;
using net::cuda::Dims;

constexpr double kBf16Rounding = 1.0 / 256;

void expect_near(const Values& found, const std::vector<double>& expected, double relative) {
  ASSERT_EQ(found.size(), expected.size());
  double largest = 0;
  for (const double value : expected) largest = std::max(largest, std::abs(value));
  for (std::size_t i = 0; i < found.size(); ++i) {
    ASSERT_NEAR(double(found[i]), expected[i], relative * (std::abs(expected[i]) + 0.01 * largest))
        << i;
  }
}

/// 3x3, padded by one, stride 2, in four groups.
struct Convolution {
  net::cuda::ConvolutionShape shape{
      {2, 32, 7, 7}, {64, 8, 3, 3}, {2, 64, 4, 4}, {.kernel = 3, .stride = 2, .padding = 1}};
  Values x = random_values(shape.x, 1), weight = random_values(shape.weight, 2),
         dy = random_values(shape.y, 3);

  /// visit(index of x, of the weight, of y) for each product.
  template <typename Visit>
  void for_products(const Visit& visit) const {
    for (std::size_t y = 0; y < dy.size(); ++y) {
      const std::size_t q = y % 4, p = y / 4 % 4, o = y / 16 % 64, n = y / 16 / 64;
      for (std::size_t k = 0; k < 8 * 9; ++k) {
        const std::size_t h = 2 * p + k / 3 % 3 - 1, w = 2 * q + k % 3 - 1;
        if (h >= 7 || w >= 7) continue;  // -1 wraps
        visit((n * 32 + o / 16 * 8 + k / 9) * 49 + h * 7 + w, o * 72 + k, y);
      }
    }
  }
};

TEST(CudnnPlansTest, ConvolvesForward) {
  const Convolution c;
  PlanOnDevice plan(net::cuda::convolution_forward(c.shape, DataType::kBf16));
  plan.set(0, c.x);
  plan.set(1, c.weight);
  ASSERT_EQ(plan.execute(), CUDNN_STATUS_SUCCESS);
  std::vector<double> y(c.dy.size());
  c.for_products([&](auto i, auto w, auto o) { y[o] += double(c.x[i]) * double(c.weight[w]); });
  expect_near(plan.get(2), y, kBf16Rounding);
}

TEST(CudnnPlansTest, ConvolvesBackwardToData) {
  const Convolution c;
  PlanOnDevice plan(net::cuda::convolution_backward_data(c.shape, DataType::kBf16));
  plan.set(0, c.dy);
  plan.set(1, c.weight);
  ASSERT_EQ(plan.execute(), CUDNN_STATUS_SUCCESS);
  std::vector<double> dx(c.x.size());
  c.for_products([&](auto i, auto w, auto o) { dx[i] += double(c.dy[o]) * double(c.weight[w]); });
  expect_near(plan.get(2), dx, kBf16Rounding);
}

TEST(CudnnPlansTest, ConvolvesBackwardToWeights) {
  const Convolution c;
  PlanOnDevice plan(net::cuda::convolution_backward_weights(c.shape, DataType::kBf16));
  plan.set(0, c.x);
  plan.set(1, c.dy);
  ASSERT_EQ(plan.execute(), CUDNN_STATUS_SUCCESS);
  std::vector<double> dw(c.weight.size());
  c.for_products([&](auto i, auto w, auto o) { dw[w] += double(c.x[i]) * double(c.dy[o]); });
  expect_near(plan.get(2), dw, kBf16Rounding);
}

TEST(CudnnPlansTest, RestoredPlansCompute) {
  const Convolution c;
  const auto graph = net::cuda::convolution_forward(c.shape, DataType::kBf16);
  PlanOnDevice first(graph);
  PlanOnDevice second(graph, first.plan().json());
  for (PlanOnDevice* plan : {&first, &second}) {
    plan->set(0, c.x);
    plan->set(1, c.weight);
    ASSERT_EQ(plan->execute(), CUDNN_STATUS_SUCCESS);
  }
  EXPECT_EQ(first.get(2), second.get(2));
}

TEST(CudnnPlansTest, RefusesBadPointers) {
  const Convolution c;
  PlanOnDevice plan(net::cuda::convolution_forward(c.shape, DataType::kBf16));
  EXPECT_EQ(plan.execute(std::nullopt, 8), CUDNN_STATUS_BAD_PARAM);   // alignment
  EXPECT_EQ(plan.execute(std::nullopt, 16), CUDNN_STATUS_BAD_PARAM);  // bounds
}

TEST(CudnnPlansTest, RefusesAMissingWorkspace) {
  const Dims dims{2, 16, 5, 3};
  PlanOnDevice plan(net::cuda::batch_norm_backward(dims, DataType::kBf16, {.mask = true}));
  ASSERT_GT(plan.plan().workspace_bytes(), 0U);
  EXPECT_EQ(plan.execute(nullptr), CUDNN_STATUS_BAD_PARAM);
}

constexpr double kEpsilon = 1e-5, kMomentum = 0.1;
const Dims kDims{2, 16, 5, 3}, kChannels{1, 16, 1, 1};
constexpr std::size_t kPlane = 15, kCount = 30;

std::size_t channel(std::size_t i) {
  return i / kPlane % 16;
}

struct Statistics {
  std::vector<double> mean = std::vector<double>(16), variance = std::vector<double>(16);
  explicit Statistics(const Values& x) {
    for (std::size_t i = 0; i < x.size(); ++i) mean[channel(i)] += double(x[i]) / kCount;
    for (std::size_t i = 0; i < x.size(); ++i) {
      variance[channel(i)] += std::pow(double(x[i]) - mean[channel(i)], 2) / kCount;
    }
  }
  double inverse(std::size_t c) const { return 1 / std::sqrt(variance[c] + kEpsilon); }
};

TEST(CudnnPlansTest, NormalisesAddsAndKeepsAMask) {
  PlanOnDevice plan(net::cuda::batch_norm_forward(
      kDims, DataType::kBf16, {.residual = true, .relu = true}, float(kEpsilon), float(kMomentum)));
  const Values x = random_values(kDims, 1), residual = random_values(kDims, 2),
               scale = random_values(kChannels, 3), bias = random_values(kChannels, 4),
               mean = random_values(kChannels, 5), variance = random_values(kChannels, 6);
  const Values* inputs[] = {&x, &scale, &bias, &mean, &variance};
  for (std::size_t i = 0; i < 5; ++i) plan.set(i, *inputs[i]);
  plan.set(10, residual);
  ASSERT_EQ(plan.execute(), CUDNN_STATUS_SUCCESS);
  const Statistics of(x);
  std::vector<double> y, moved_mean, moved_variance;
  Values mask;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t c = channel(i);
    const double sum = (double(x[i]) - of.mean[c]) * of.inverse(c) * double(scale[c]) +
                       double(bias[c]) + double(residual[i]);
    y.push_back(std::max(sum, 0.0));
  }
  for (std::size_t c = 0; c < 16; ++c) {
    moved_mean.push_back((1 - kMomentum) * double(mean[c]) + kMomentum * of.mean[c]);
    moved_variance.push_back((1 - kMomentum) * double(variance[c]) +
                             kMomentum * of.variance[c] * kCount / (kCount - 1));
  }
  const Values found = plan.get(9);
  expect_near(found, y, 4 * kBf16Rounding);
  expect_near(plan.get(5), moved_mean, 1e-5);
  expect_near(plan.get(6), moved_variance, 1e-5);
  expect_near(plan.get(7), of.mean, 1e-5);
  for (const float value : found) mask.push_back(value > 0 ? 1.0F : 0.0F);
  EXPECT_EQ(plan.get(11), mask);
}

TEST(CudnnPlansTest, NormalisesBackwardThroughAMask) {
  PlanOnDevice plan(net::cuda::batch_norm_backward(kDims, DataType::kBf16, {.mask = true}));
  const Values x = random_values(kDims, 1), dy = random_values(kDims, 2),
               scale = random_values(kChannels, 3), signs = random_values(kDims, 4);
  const Statistics of(x);
  Values mean, inverse, mask;
  for (std::size_t c = 0; c < 16; ++c) {
    mean.push_back(float(of.mean[c]));
    inverse.push_back(float(of.inverse(c)));
  }
  for (const float sign : signs) mask.push_back(sign > 0 ? 1.0F : 0.0F);
  const Values* inputs[] = {&x, &mean, &inverse, &scale};
  for (std::size_t i = 0; i < 4; ++i) plan.set(i, *inputs[i]);
  plan.set(7, dy);
  plan.set(8, mask);
  ASSERT_EQ(plan.execute(), CUDNN_STATUS_SUCCESS);
  std::vector<double> dscale(16), dbias(16), dx;
  const auto normalised = [&](std::size_t i) {
    return (double(x[i]) - of.mean[channel(i)]) * of.inverse(channel(i));
  };
  for (std::size_t i = 0; i < x.size(); ++i) {
    dbias[channel(i)] += double(dy[i] * mask[i]);
    dscale[channel(i)] += double(dy[i] * mask[i]) * normalised(i);
  }
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t c = channel(i);
    dx.push_back(
        double(scale[c]) * of.inverse(c) *
        (double(dy[i] * mask[i]) - dbias[c] / kCount - normalised(i) * dscale[c] / kCount));
  }
  expect_near(plan.get(4), dscale, 1e-4);
  expect_near(plan.get(5), dbias, 1e-4);
  expect_near(plan.get(6), dx, 2 * kBf16Rounding);
}

// As an H100 does: cuDNN plans it, and does not run it.
TEST(CudnnPlansTest, RefusesToNormaliseBackwardASum) {
  net::cuda::TensorGraph graph =
      net::cuda::batch_norm_backward(kDims, DataType::kBf16, {.mask = true});
  const int gradient = graph.operations.front().tensors.front();
  const int sum = static_cast<int>(graph.tensors.size());
  graph.tensors.push_back(graph.tensors[std::size_t(gradient)]);
  graph.tensors.back().type = DataType::kFloat;
  graph.tensors.back().is_virtual = true;
  graph.operations.front().tensors.front() = sum;
  graph.operations.insert(graph.operations.begin(),
                          {net::cuda::OperationKind::kAdd, {gradient, gradient, sum}, {}});
  PlanOnDevice plan(graph);
  EXPECT_EQ(plan.execute(), CUDNN_STATUS_BAD_PARAM);
}

TEST(CudnnPlansTest, PoolsAndReturnsGradientsByIndex) {
  const Dims in{2, 8, 7, 7}, out{2, 8, 4, 4};
  const net::Window window{.kernel = 3, .stride = 2, .padding = 1};
  PlanOnDevice forward(net::cuda::max_pool_forward(in, out, window, DataType::kBf16));
  PlanOnDevice backward(net::cuda::max_pool_backward(in, out, window, DataType::kBf16));
  Values x = random_values(in, 1);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = float(i * 37 % 49) - 24;  // no ties
  const Values dy = random_values(out, 2);
  forward.set(0, x);
  ASSERT_EQ(forward.execute(), CUDNN_STATUS_SUCCESS);
  backward.set(0, dy);
  backward.set(1, forward.get(2));
  ASSERT_EQ(backward.execute(), CUDNN_STATUS_SUCCESS);
  std::vector<double> y, dx(x.size());
  for (std::size_t o = 0; o < dy.size(); ++o) {
    std::size_t best = x.size();
    for (std::size_t k = 0; k < 9; ++k) {
      const std::size_t h = 2 * (o / 4 % 4) + k / 3 - 1, w = 2 * (o % 4) + k % 3 - 1;
      const std::size_t at = o / 16 * 49 + h * 7 + w;
      if (h < 7 && w < 7 && (best == x.size() || x[at] > x[best])) best = at;
    }
    y.push_back(double(x[best]));
    dx[best] += double(dy[o]);
  }
  expect_near(forward.get(1), y, 0);
  expect_near(backward.get(2), dx, kBf16Rounding);
}

TEST(CudnnPlansTest, MultipliesTransposedMatrices) {
  PlanOnDevice plan(net::cuda::matrix_product({24, 40, true, DataType::kBf16},
                                              {40, 16, false, DataType::kBf16},
                                              {24, 16, false, DataType::kFloat}));
  const Values a = random_values({24, 40}, 1), b = random_values({40, 16}, 2);
  plan.set(0, a);
  plan.set(1, b);
  ASSERT_EQ(plan.execute(), CUDNN_STATUS_SUCCESS);
  std::vector<double> c(24 * 16);
  for (std::size_t i = 0; i < c.size(); ++i) {
    for (std::size_t k = 0; k < 40; ++k) {
      c[i] += double(a[i / 16 * 40 + k]) * double(b[k * 16 + i % 16]);
    }
  }
  expect_near(plan.get(2), c, 1e-5);
}

}  // namespace
}  // namespace resnext::standin
