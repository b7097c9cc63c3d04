// Batch normalisation (Ioffe and Szegedy, 2015), statistics in fp64.

#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "tests/cuda_standin/cudnn_execution.h"

namespace resnext::standin {
namespace {

/// Values of a channel: `images` runs of `plane` values.
struct Layout {
  std::size_t images = 0, channels = 0, plane = 0;
  explicit Layout(const Tensor& x)
      : images(std::size_t(x.dims[0])), channels(std::size_t(x.dims[1])) {
    plane = x.elements() / (images * channels);
  }
  double count() const { return double(images * plane); }
  template <typename Visit>
  void for_channel(std::size_t channel, const Visit& visit) const {
    for (std::size_t n = 0; n < images; ++n) {
      const std::size_t first = (n * channels + channel) * plane;
      for (std::size_t i = first; i < first + plane; ++i) visit(i);
    }
  }
};

class NormOperation {
 public:
  NormOperation(const Operation& operation, Execution& execution)
      : operation_(operation), execution_(execution) {}
  bool has(cudnnBackendAttributeName_t name) const { return operation_.tensors.contains(name); }
  const Tensor& tensor(cudnnBackendAttributeName_t name) const {
    return operation_.tensors.at(name);
  }
  Values read(cudnnBackendAttributeName_t name) const { return execution_.read(tensor(name)); }
  float scalar(cudnnBackendAttributeName_t name) const { return execution_.scalar(tensor(name)); }
  void write(cudnnBackendAttributeName_t name, const Values& values) {
    execution_.write(tensor(name), values);
  }
  /// The real library takes statistics of the wrong size, and computes nonsense.
  void check_channels(std::size_t channels,
                      std::initializer_list<cudnnBackendAttributeName_t> names) const {
    for (const auto name : names) {
      if (!has(name) || tensor(name).elements() == channels) continue;
      std::fprintf(stderr,
                   "[standin] a batch-norm statistic has %zu values, its input %zu channels\n",
                   tensor(name).elements(), channels);
      std::abort();
    }
  }

 private:
  const Operation& operation_;
  Execution& execution_;
};

struct Moments {
  double mean = 0, variance = 0;
};

Moments moments_of(const Values& x, const Layout& layout, std::size_t channel) {
  Moments moments;
  layout.for_channel(channel, [&](std::size_t i) { moments.mean += double(x[i]); });
  moments.mean /= layout.count();
  layout.for_channel(channel, [&](std::size_t i) {
    const double difference = double(x[i]) - moments.mean;
    moments.variance += difference * difference;
  });
  moments.variance /= layout.count();
  return moments;
}

/// running = (1 - factor) running + factor new, for the mean and the unbiased variance.
void move_running(NormOperation& norm, const std::vector<Moments>& moments, double count) {
  if (!norm.has(CUDNN_ATTR_OPERATION_NORM_FWD_OUTPUT_RUNNING_MEAN_DESC)) return;
  Values mean = norm.read(CUDNN_ATTR_OPERATION_NORM_FWD_INPUT_RUNNING_MEAN_DESC);
  Values variance = norm.read(CUDNN_ATTR_OPERATION_NORM_FWD_INPUT_RUNNING_VAR_DESC);
  const double factor = double(norm.scalar(CUDNN_ATTR_OPERATION_NORM_FWD_EXP_AVG_FACTOR_DESC));
  for (std::size_t c = 0; c < moments.size(); ++c) {
    const double unbiased = moments[c].variance * count / (count - 1);
    mean[c] = float((1 - factor) * double(mean[c]) + factor * moments[c].mean);
    variance[c] = float((1 - factor) * double(variance[c]) + factor * unbiased);
  }
  norm.write(CUDNN_ATTR_OPERATION_NORM_FWD_OUTPUT_RUNNING_MEAN_DESC, mean);
  norm.write(CUDNN_ATTR_OPERATION_NORM_FWD_OUTPUT_RUNNING_VAR_DESC, variance);
}

/// Mean and inverse deviation of the batch, written where the graph wants them.
void take_statistics(NormOperation& norm, const Values& x, const Layout& layout, Values& mean,
                     Values& inverse) {
  const double epsilon = double(norm.scalar(CUDNN_ATTR_OPERATION_NORM_FWD_EPSILON_DESC));
  std::vector<Moments> moments;
  for (std::size_t c = 0; c < layout.channels; ++c) {
    moments.push_back(moments_of(x, layout, c));
    mean.push_back(float(moments[c].mean));
    inverse.push_back(float(1 / std::sqrt(moments[c].variance + epsilon)));
  }
  if (norm.has(CUDNN_ATTR_OPERATION_NORM_FWD_MEAN_DESC)) {
    norm.write(CUDNN_ATTR_OPERATION_NORM_FWD_MEAN_DESC, mean);
    norm.write(CUDNN_ATTR_OPERATION_NORM_FWD_INV_VARIANCE_DESC, inverse);
  }
  move_running(norm, moments, layout.count());
}

void forward(NormOperation norm, bool training) {
  const Layout layout(norm.tensor(CUDNN_ATTR_OPERATION_NORM_FWD_XDESC));
  norm.check_channels(
      layout.channels,
      {CUDNN_ATTR_OPERATION_NORM_FWD_SCALE_DESC, CUDNN_ATTR_OPERATION_NORM_FWD_BIAS_DESC,
       CUDNN_ATTR_OPERATION_NORM_FWD_MEAN_DESC, CUDNN_ATTR_OPERATION_NORM_FWD_INV_VARIANCE_DESC,
       CUDNN_ATTR_OPERATION_NORM_FWD_INPUT_RUNNING_MEAN_DESC,
       CUDNN_ATTR_OPERATION_NORM_FWD_INPUT_RUNNING_VAR_DESC});
  Values x = norm.read(CUDNN_ATTR_OPERATION_NORM_FWD_XDESC), mean, inverse;
  if (training) {
    take_statistics(norm, x, layout, mean, inverse);
  } else {
    mean = norm.read(CUDNN_ATTR_OPERATION_NORM_FWD_MEAN_DESC);
    inverse = norm.read(CUDNN_ATTR_OPERATION_NORM_FWD_INV_VARIANCE_DESC);
  }
  const Values scale = norm.read(CUDNN_ATTR_OPERATION_NORM_FWD_SCALE_DESC);
  const Values bias = norm.read(CUDNN_ATTR_OPERATION_NORM_FWD_BIAS_DESC);
  for (std::size_t c = 0; c < layout.channels; ++c) {
    layout.for_channel(
        c, [&](std::size_t i) { x[i] = (x[i] - mean[c]) * inverse[c] * scale[c] + bias[c]; });
  }
  norm.write(CUDNN_ATTR_OPERATION_NORM_FWD_YDESC, x);
}

void backward(NormOperation norm) {
  const Layout layout(norm.tensor(CUDNN_ATTR_OPERATION_NORM_BWD_XDESC));
  norm.check_channels(
      layout.channels,
      {CUDNN_ATTR_OPERATION_NORM_BWD_MEAN_DESC, CUDNN_ATTR_OPERATION_NORM_BWD_INV_VARIANCE_DESC,
       CUDNN_ATTR_OPERATION_NORM_BWD_SCALE_DESC, CUDNN_ATTR_OPERATION_NORM_BWD_DSCALE_DESC,
       CUDNN_ATTR_OPERATION_NORM_BWD_DBIAS_DESC});
  const Values x = norm.read(CUDNN_ATTR_OPERATION_NORM_BWD_XDESC);
  const Values mean = norm.read(CUDNN_ATTR_OPERATION_NORM_BWD_MEAN_DESC);
  const Values inverse = norm.read(CUDNN_ATTR_OPERATION_NORM_BWD_INV_VARIANCE_DESC);
  const Values scale = norm.read(CUDNN_ATTR_OPERATION_NORM_BWD_SCALE_DESC);
  Values gradient = norm.read(CUDNN_ATTR_OPERATION_NORM_BWD_DYDESC), dscale, dbias;
  for (std::size_t c = 0; c < layout.channels; ++c) {
    const auto normalised = [&](std::size_t i) {
      return (double(x[i]) - double(mean[c])) * double(inverse[c]);
    };
    double sum = 0, product = 0;
    layout.for_channel(c, [&](std::size_t i) {
      sum += double(gradient[i]);
      product += double(gradient[i]) * normalised(i);
    });
    dbias.push_back(float(sum));
    dscale.push_back(float(product));
    const double factor = double(scale[c]) * double(inverse[c]), count = layout.count();
    layout.for_channel(c, [&](std::size_t i) {
      gradient[i] =
          float(factor * (double(gradient[i]) - sum / count - normalised(i) * product / count));
    });
  }
  norm.write(CUDNN_ATTR_OPERATION_NORM_BWD_DXDESC, gradient);
  norm.write(CUDNN_ATTR_OPERATION_NORM_BWD_DSCALE_DESC, dscale);
  norm.write(CUDNN_ATTR_OPERATION_NORM_BWD_DBIAS_DESC, dbias);
}

void check_mode(const Operation& operation, cudnnBackendAttributeName_t name) {
  const auto mode = attribute<cudnnBackendNormMode_t>(operation.attributes, name);
  if (mode != CUDNN_BATCH_NORM) not_interpreted("normalisation", mode);
}

}  // namespace

bool compute_batch_norm(const Operation& operation, Execution& execution) {
  if (operation.kind == CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR) {
    check_mode(operation, CUDNN_ATTR_OPERATION_NORM_FWD_MODE);
    forward(
        {operation, execution},
        attribute<cudnnBackendNormFwdPhase_t>(
            operation.attributes, CUDNN_ATTR_OPERATION_NORM_FWD_PHASE) == CUDNN_NORM_FWD_TRAINING);
    return true;
  }
  if (operation.kind != CUDNN_BACKEND_OPERATION_NORM_BACKWARD_DESCRIPTOR) return false;
  check_mode(operation, CUDNN_ATTR_OPERATION_NORM_BWD_MODE);
  backward({operation, execution});
  return true;
}

}  // namespace resnext::standin
