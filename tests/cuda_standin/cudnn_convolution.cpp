// Convolutions (cross-correlations), summed in fp64.

#include <algorithm>
#include <optional>

#include "tests/cuda_standin/cudnn_execution.h"

namespace resnext::standin {
namespace {

using Sums = std::vector<double>;

struct Roles {
  cudnnBackendAttributeName_t x, weight, y, alpha, beta;
};

std::optional<Roles> roles_of(cudnnBackendDescriptorType_t kind) {
  switch (kind) {
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR:
      return Roles{CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA};
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR:
      return Roles{CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA};
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR:
      return Roles{CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA};
    default:
      return std::nullopt;
  }
}

struct Geometry {
  Dims x, weight, y;  ///< N C H W, O C/groups kh kw, N O P Q
  std::vector<std::int64_t> padding, stride, dilation;
};

/// A run of products that share a weight: x[x + i * step] with y[y + i], i < count.
struct Run {
  std::size_t x = 0, weight = 0, y = 0;
  std::int64_t count = 0, step = 1;
};

/// The runs of one weight, in one image.
template <typename Visit>
void for_runs_of_weight(const Geometry& g, std::size_t x_plane, std::size_t y_plane,
                        std::size_t weight, std::int64_t a, std::int64_t b, const Visit& visit) {
  const std::int64_t width = g.x[3], step = g.stride[1];
  const std::int64_t left = b * g.dilation[1] - g.padding[1];  // of x, where q is 0
  const std::int64_t first = left < 0 ? (-left + step - 1) / step : 0;
  const std::int64_t last = std::min(g.y[3] - 1, (width - 1 - left) / step);
  if (width - 1 - left < 0 || first > last) return;
  for (std::int64_t p = 0; p < g.y[2]; ++p) {
    const std::int64_t h = p * g.stride[0] - g.padding[0] + a * g.dilation[0];
    if (h < 0 || h >= g.x[2]) continue;
    visit(Run{x_plane + std::size_t(h * width + first * step + left), weight,
              y_plane + std::size_t(p * g.y[3] + first), last - first + 1, step});
  }
}

template <typename Visit>
void for_runs(const Geometry& g, const Visit& visit) {
  const std::int64_t inputs = g.weight[1], groups = g.x[1] / inputs, outputs = g.y[1] / groups;
  const std::size_t x_size = std::size_t(g.x[2] * g.x[3]), y_size = std::size_t(g.y[2] * g.y[3]);
  for (std::int64_t n = 0; n < g.y[0]; ++n) {
    for (std::int64_t o = 0; o < g.y[1]; ++o) {
      for (std::int64_t i = 0; i < inputs; ++i) {
        const std::size_t x = std::size_t(n * g.x[1] + o / outputs * inputs + i) * x_size;
        const std::size_t y = std::size_t(n * g.y[1] + o) * y_size;
        for (std::int64_t a = 0; a < g.weight[2]; ++a) {
          for (std::int64_t b = 0; b < g.weight[3]; ++b) {
            const auto w = std::size_t(((o * inputs + i) * g.weight[2] + a) * g.weight[3] + b);
            for_runs_of_weight(g, x, y, w, a, b, visit);
          }
        }
      }
    }
  }
}

Sums forward(const Geometry& g, const Values& x, const Values& weight, std::size_t size) {
  Sums y(size);
  for_runs(g, [&](const Run& run) {
    const double w = double(weight[run.weight]);
    const float* from = &x[run.x];
    double* to = &y[run.y];
    for (std::int64_t i = 0; i < run.count; ++i) to[i] += w * double(from[i * run.step]);
  });
  return y;
}

Sums backward_data(const Geometry& g, const Values& dy, const Values& weight, std::size_t size) {
  Sums dx(size);
  for_runs(g, [&](const Run& run) {
    const double w = double(weight[run.weight]);
    const float* from = &dy[run.y];
    double* to = &dx[run.x];
    for (std::int64_t i = 0; i < run.count; ++i) to[i * run.step] += w * double(from[i]);
  });
  return dx;
}

Sums backward_filter(const Geometry& g, const Values& x, const Values& dy, std::size_t size) {
  Sums dweight(size);
  for_runs(g, [&](const Run& run) {
    const float *left = &x[run.x], *right = &dy[run.y];
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t i = 0; i < run.count; ++i) {
      sum += double(left[i * run.step]) * double(right[i]);
    }
    dweight[run.weight] += sum;
  });
  return dweight;
}

/// alpha and beta are fp32, or fp64 where they were set so.
double factor(const Operation& operation, cudnnBackendAttributeName_t name, double otherwise) {
  const auto found = operation.attributes.find(name);
  if (found == operation.attributes.end()) return otherwise;
  return found->second.bytes.size() == sizeof(double) ? found->second.values<double>()[0]
                                                      : double(found->second.values<float>()[0]);
}

}  // namespace

bool compute_convolution(const Operation& operation, Execution& execution) {
  const std::optional<Roles> roles = roles_of(operation.kind);
  if (!roles) return false;
  const Tensor &x = operation.tensors.at(roles->x), &weight = operation.tensors.at(roles->weight),
               &y = operation.tensors.at(roles->y);
  if (x.dims.size() != 4) not_interpreted("convolution of rank", int(x.dims.size()));
  const auto list = [&](cudnnBackendAttributeName_t name) {
    return operation.attributes.at(name).values<std::int64_t>();
  };
  const Geometry geometry{x.dims,
                          weight.dims,
                          y.dims,
                          list(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS),
                          list(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES),
                          list(CUDNN_ATTR_CONVOLUTION_DILATIONS)};
  const Tensor* result = &y;
  Sums sums;
  if (operation.kind == CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR) {
    sums = forward(geometry, execution.read(x), execution.read(weight), y.elements());
  } else if (operation.kind == CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR) {
    result = &x;
    sums = backward_data(geometry, execution.read(y), execution.read(weight), x.elements());
  } else {
    result = &weight;
    sums = backward_filter(geometry, execution.read(x), execution.read(y), weight.elements());
  }
  const double alpha = factor(operation, roles->alpha, 1), beta = factor(operation, roles->beta, 0);
  Values values(sums.size());
  std::ranges::transform(sums, values.begin(), [&](double sum) { return float(alpha * sum); });
  if (beta != 0) {
    const Values before = execution.read(*result);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] += float(beta * double(before[i]));
  }
  execution.write(*result, values);
  return true;
}

}  // namespace resnext::standin
