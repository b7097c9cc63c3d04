#pragma once
// The bias of the logits, and softmax cross-entropy with its gradient.

#include "net/cuda/kernels/element.cuh"
#include "net/cuda/kernels/kernel_data.h"

namespace resnext::net::cuda::kernels {

/// logits (rows, pitch) += bias (pitch).
template <typename T>
__global__ void add_bias(T* logits, const float* bias, std::size_t rows, int pitch) {
  for (std::size_t i = first_element(); i < rows * pitch; i += element_stride()) {
    store(&logits[i], to_float(logits[i]) + bias[i % pitch]);
  }
}

/// dbias (pitch) = column sums of (rows, pitch), always in the same order.
template <typename T>
__global__ void bias_gradient(const T* gradient, float* dbias, std::size_t rows, int pitch) {
  for (std::size_t column = first_element(); column < static_cast<std::size_t>(pitch);
       column += element_stride()) {
    float sum = 0;
    for (std::size_t row = 0; row < rows; ++row) sum += to_float(gradient[row * pitch + column]);
    dbias[column] = sum;
  }
}

inline constexpr int kSoftmaxThreads = 128;

/// Sum or maximum over the block, the same on all its threads, in a fixed order.
__device__ inline float over_block(float value, bool maximum) {
  __shared__ float values[kSoftmaxThreads];
  __syncthreads();  // others may still read what was there
  values[threadIdx.x] = value;
  __syncthreads();
  for (int half = kSoftmaxThreads / 2; half > 0; half /= 2) {
    if (threadIdx.x < static_cast<unsigned>(half)) {
      const float a = values[threadIdx.x], b = values[threadIdx.x + half];
      values[threadIdx.x] = maximum ? (a > b ? a : b) : a + b;
    }
    __syncthreads();
  }
  return values[0];
}

/// One block a row. `labels` null: nothing to do. `gradient` null: of the metrics only; else
/// (softmax - target) * loss_scale, zero in the padding, where the target gives `smoothing` to all
/// classes evenly and the rest to the label.
template <typename T, typename G>
__global__ void softmax_cross_entropy(const T* logits, const int* labels, const BatchHeader* header,
                                      RowMetrics* metrics, G* gradient, int classes, int pitch,
                                      float smoothing) {
  const std::size_t row = blockIdx.x;
  const T* x = logits + row * pitch;
  const int label = labels[row];
  float largest = -INFINITY;
  for (int k = threadIdx.x; k < classes; k += kSoftmaxThreads) {
    const float value = to_float(x[k]);
    largest = value > largest ? value : largest;
  }
  largest = over_block(largest, true);
  const float of_label = to_float(x[label]);
  float sum = 0, total = 0, before = 0;
  for (int k = threadIdx.x; k < classes; k += kSoftmaxThreads) {
    const float value = to_float(x[k]);
    sum += expf(value - largest);
    total += value - largest;
    const bool label_wins = of_label > value || (of_label == value && label <= k);
    before += label_wins ? 0.0F : 1.0F;
  }
  sum = over_block(sum, false);
  total = over_block(total, false);
  before = over_block(before, false);
  const float log_sum = logf(sum);
  if (threadIdx.x == 0) {
    const float target =
        (1 - smoothing) * (of_label - largest) + smoothing * total / static_cast<float>(classes);
    metrics[row] = {log_sum - target, static_cast<int>(before)};
  }
  if (gradient == nullptr) return;
  const float scale = header->loss_scale;
  for (int k = threadIdx.x; k < pitch; k += kSoftmaxThreads) {
    float value = 0;
    if (k < classes) {
      const float probability = expf(to_float(x[k]) - largest) / sum;
      const float target =
          (k == label ? 1 - smoothing : 0.0F) + smoothing / static_cast<float>(classes);
      value = (probability - target) * scale;
    }
    store(&gradient[row * pitch + k], value);
  }
}

}  // namespace resnext::net::cuda::kernels
