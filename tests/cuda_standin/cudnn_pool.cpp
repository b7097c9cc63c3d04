// Max and average pooling of planes. An index counts the positions of a window, row by row; of
// equal maxima the first wins.

#include <cmath>
#include <limits>

#include "tests/cuda_standin/cudnn_execution.h"

namespace resnext::standin {
namespace {

struct Pool {
  cudnnResampleMode_t mode{};
  bool zero_padding = false;
  std::int64_t kernel[2]{}, stride[2]{}, padding[2]{};
  std::int64_t height = 0, width = 0, out_height = 0, out_width = 0;
  std::size_t planes = 0;

  Pool(const Operation& operation, const Tensor& in, const Tensor& out) {
    const Attributes& from = operation.attributes;
    mode = attribute<cudnnResampleMode_t>(from, CUDNN_ATTR_RESAMPLE_MODE);
    const auto pad = attribute<cudnnPaddingMode_t>(from, CUDNN_ATTR_RESAMPLE_PADDING_MODE);
    if (pad == CUDNN_EDGE_VAL_PAD) not_interpreted("padding mode", pad);
    zero_padding = pad == CUDNN_ZERO_PAD;
    const auto pair = [&](cudnnBackendAttributeName_t name, std::int64_t(&to)[2]) {
      const auto fractions = from.at(name).values<cudnnFraction_t>();
      for (std::size_t i = 0; i < 2; ++i) to[i] = fractions[i].numerator / fractions[i].denominator;
    };
    pair(CUDNN_ATTR_RESAMPLE_WINDOW_DIMS, kernel);
    pair(CUDNN_ATTR_RESAMPLE_STRIDES, stride);
    pair(CUDNN_ATTR_RESAMPLE_PRE_PADDINGS, padding);
    height = in.dims[2];
    width = in.dims[3];
    out_height = out.dims[2];
    out_width = out.dims[3];
    planes = std::size_t(in.dims[0] * in.dims[1]);
  }

  bool maximum() const { return mode == CUDNN_RESAMPLE_MAXPOOL; }
  std::int64_t positions() const { return kernel[0] * kernel[1]; }

  /// Where in the input position `k` of the window of output `o` lies; -1: in the padding.
  std::int64_t source(std::int64_t o, std::int64_t k) const {
    const std::int64_t y = o / out_width * stride[0] - padding[0] + k / kernel[1];
    const std::int64_t x = o % out_width * stride[1] - padding[1] + k % kernel[1];
    return y < 0 || x < 0 || y >= height || x >= width ? -1 : y * width + x;
  }

  /// What an average divides by.
  double divisor(std::int64_t o) const {
    if (mode == CUDNN_RESAMPLE_AVGPOOL_INCLUDE_PADDING) return double(positions());
    std::int64_t inside = 0;
    for (std::int64_t k = 0; k < positions(); ++k) inside += source(o, k) >= 0;
    return double(inside);
  }
};

struct Largest {
  float value = -std::numeric_limits<float>::infinity();
  std::int64_t position = 0;
};

Largest largest_of(const Pool& pool, const float* plane, std::int64_t o) {
  Largest largest;
  for (std::int64_t k = 0; k < pool.positions(); ++k) {
    const std::int64_t at = pool.source(o, k);
    if (at < 0 && !pool.zero_padding) continue;
    const float value = at < 0 ? 0.0F : plane[at];
    if (value > largest.value || (std::isnan(value) && !std::isnan(largest.value))) {
      largest = {value, k};
    }
  }
  return largest;
}

void forward(const Operation& operation, Execution& execution) {
  const Tensor& in = operation.tensors.at(CUDNN_ATTR_OPERATION_RESAMPLE_FWD_XDESC);
  const Tensor& out = operation.tensors.at(CUDNN_ATTR_OPERATION_RESAMPLE_FWD_YDESC);
  const Pool pool(operation, in, out);
  const Values x = execution.read(in);
  const std::int64_t outputs = pool.out_height * pool.out_width;
  Values y, index;
  for (std::size_t plane = 0; plane < pool.planes; ++plane) {
    const float* from = x.data() + plane * std::size_t(pool.height * pool.width);
    for (std::int64_t o = 0; o < outputs; ++o) {
      if (pool.maximum()) {
        const Largest largest = largest_of(pool, from, o);
        y.push_back(largest.value);
        index.push_back(float(largest.position));
        continue;
      }
      double sum = 0;
      for (std::int64_t k = 0; k < pool.positions(); ++k) {
        const std::int64_t at = pool.source(o, k);
        sum += at < 0 ? 0 : double(from[at]);
      }
      y.push_back(float(sum / pool.divisor(o)));
    }
  }
  execution.write(out, y);
  const auto indices = operation.tensors.find(CUDNN_ATTR_OPERATION_RESAMPLE_FWD_IDXDESC);
  if (indices != operation.tensors.end()) execution.write(indices->second, index);
}

void backward(const Operation& operation, Execution& execution) {
  const Tensor& in = operation.tensors.at(CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DXDESC);
  const Tensor& out = operation.tensors.at(CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DYDESC);
  const Pool pool(operation, in, out);
  const Values dy = execution.read(out);
  const Values index =
      pool.maximum()
          ? execution.read(operation.tensors.at(CUDNN_ATTR_OPERATION_RESAMPLE_BWD_IDXDESC))
          : Values();
  const std::int64_t outputs = pool.out_height * pool.out_width;
  std::vector<double> dx(in.elements());
  for (std::size_t i = 0; i < dy.size(); ++i) {
    double* plane = dx.data() + i / std::size_t(outputs) * std::size_t(pool.height * pool.width);
    const std::int64_t o = std::int64_t(i) % outputs;
    const std::int64_t first = pool.maximum() ? std::int64_t(index[i]) : 0;
    const std::int64_t last = pool.maximum() ? first : pool.positions() - 1;
    const double share = double(dy[i]) / (pool.maximum() ? 1 : pool.divisor(o));
    for (std::int64_t k = first; k <= last; ++k) {
      const std::int64_t at = k >= 0 && k < pool.positions() ? pool.source(o, k) : -1;
      if (at >= 0) plane[at] += share;
    }
  }
  execution.write(in, Values(dx.begin(), dx.end()));
}

}  // namespace

bool compute_pool(const Operation& operation, Execution& execution) {
  const bool is_forward = operation.kind == CUDNN_BACKEND_OPERATION_RESAMPLE_FWD_DESCRIPTOR;
  if (!is_forward && operation.kind != CUDNN_BACKEND_OPERATION_RESAMPLE_BWD_DESCRIPTOR) {
    return false;
  }
  const auto mode = attribute<cudnnResampleMode_t>(operation.attributes, CUDNN_ATTR_RESAMPLE_MODE);
  if (mode == CUDNN_RESAMPLE_NEAREST || mode == CUDNN_RESAMPLE_BILINEAR) {
    not_interpreted("resampling", mode);
  }
  is_forward ? forward(operation, execution) : backward(operation, execution);
  return true;
}

}  // namespace resnext::standin
