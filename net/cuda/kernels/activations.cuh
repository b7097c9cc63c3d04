#pragma once
// Element-wise work on activations, with channels innermost and padded to eights.

#include "net/cuda/kernels/element.cuh"

namespace resnext::net::cuda::kernels {

/// A value, normalised by running statistics where `scale` is given.
template <typename T>
struct BranchOf {
  const T* from;
  const float *scale, *bias, *mean, *variance;
};

template <typename T>
__device__ inline float branch_value(const BranchOf<T>& branch, float value, int channel,
                                     float epsilon) {
  if (branch.scale == nullptr) return value;
  const float deviation = sqrtf(branch.variance[channel] + epsilon);
  return (value - branch.mean[channel]) * (branch.scale[channel] / deviation) +
         branch.bias[channel];
}

/// y = [ReLU] (first + [second]). A value that is not a number stays one.
template <typename T>
__global__ void combine(BranchOf<T> first, BranchOf<T> second, T* to, bool relu, float epsilon,
                        int channels, std::size_t values) {
  const std::size_t packs = values / kPack;
  for (std::size_t i = first_element(); i < packs; i += element_stride()) {
    const int channel = static_cast<int>(i * kPack % static_cast<std::size_t>(channels));
    const Pack<T> a = reinterpret_cast<const Pack<T>*>(first.from)[i];
    Pack<T> b{};
    if (second.from != nullptr) b = reinterpret_cast<const Pack<T>*>(second.from)[i];
    Pack<T> result;
    for (int k = 0; k < kPack; ++k) {
      float value = branch_value(first, to_float(a.values[k]), channel + k, epsilon);
      if (second.from != nullptr) {
        value += branch_value(second, to_float(b.values[k]), channel + k, epsilon);
      }
      store(&result.values[k], relu && value < 0 ? 0.0F : value);
    }
    reinterpret_cast<Pack<T>*>(to)[i] = result;
  }
}

/// dx = dy where y > 0.
template <typename T>
__global__ void relu_backward(const T* dy, const T* y, T* dx, std::size_t values) {
  const std::size_t packs = values / kPack;
  for (std::size_t i = first_element(); i < packs; i += element_stride()) {
    const Pack<T> gradient = reinterpret_cast<const Pack<T>*>(dy)[i];
    const Pack<T> value = reinterpret_cast<const Pack<T>*>(y)[i];
    Pack<T> result;
    for (int k = 0; k < kPack; ++k) {
      store(&result.values[k], to_float(value.values[k]) > 0 ? to_float(gradient.values[k]) : 0.0F);
    }
    reinterpret_cast<Pack<T>*>(dx)[i] = result;
  }
}

/// Of an image: padded channels, height, width; and k x k windows, or 0 for the whole map.
struct PoolShape {
  int channels, height, width, window;
  std::size_t images;
};

/// In how many positions of the window a pixel takes part, along one side.
__device__ inline int positions_along(int side, int at, int window) {
  const int positions = window > 0 && window <= side ? side - window + 1 : 1;
  const int reach = side - positions + 1;
  const int last = at < positions - 1 ? at : positions - 1;
  const int first = at - reach + 1 > 0 ? at - reach + 1 : 0;
  return last - first + 1;
}

__device__ inline float pool_weight(const PoolShape& shape, int y, int x) {
  return static_cast<float>(positions_along(shape.height, y, shape.window) *
                            positions_along(shape.width, x, shape.window));
}

__device__ inline float total_weight(const PoolShape& shape) {
  float total = 0;
  for (int y = 0; y < shape.height; ++y) {
    for (int x = 0; x < shape.width; ++x) total += pool_weight(shape, y, x);
  }
  return total;
}

/// One thread a channel of an image; neighbouring threads read neighbouring channels.
template <typename T>
__global__ void average_pool(const T* x, T* y, PoolShape shape) {
  const std::size_t channels = static_cast<std::size_t>(shape.channels);
  const std::size_t count = shape.images * channels;
  const float total = total_weight(shape);
  for (std::size_t i = first_element(); i < count; i += element_stride()) {
    const std::size_t image = i / channels, channel = i % channels;
    const T* from = x + image * shape.height * shape.width * channels + channel;
    float sum = 0;
    for (int row = 0; row < shape.height; ++row) {
      for (int column = 0; column < shape.width; ++column) {
        sum += to_float(*from) * pool_weight(shape, row, column);
        from += channels;
      }
    }
    store(&y[i], sum / total);
  }
}

template <typename T>
__global__ void average_pool_backward(const T* dy, T* dx, PoolShape shape) {
  const std::size_t channels = static_cast<std::size_t>(shape.channels);
  const std::size_t pixels = static_cast<std::size_t>(shape.height) * shape.width;
  const std::size_t count = shape.images * pixels * channels;
  const float total = total_weight(shape);
  for (std::size_t i = first_element(); i < count; i += element_stride()) {
    const std::size_t channel = i % channels, pixel = i / channels % pixels;
    const std::size_t image = i / (channels * pixels);
    const int row = static_cast<int>(pixel) / shape.width;
    const int column = static_cast<int>(pixel) % shape.width;
    const float share = pool_weight(shape, row, column) / total;
    store(&dx[i], to_float(dy[image * channels + channel]) * share);
  }
}

struct ChannelCopy {
  std::size_t pixels;
  int from_pitch, to_pitch, from_channel, to_channel, channels, clear_to;
};

template <typename T>
__global__ void copy_channels(const T* from, T* to, ChannelCopy copy) {
  const std::size_t width = static_cast<std::size_t>(copy.clear_to - copy.to_channel);
  for (std::size_t i = first_element(); i < copy.pixels * width; i += element_stride()) {
    const std::size_t pixel = i / width;
    const int channel = static_cast<int>(i % width);
    const float value = channel < copy.channels
                            ? to_float(from[pixel * copy.from_pitch + copy.from_channel + channel])
                            : 0.0F;
    store(&to[pixel * copy.to_pitch + copy.to_channel + channel], value);
  }
}

struct Subsampling {
  std::size_t images;
  int channels;  ///< that both sides have
  int from_channels, from_height, from_width;
  int to_channels, to_height, to_width;
  int stride;
};

/// y: every stride-th pixel of x, and zeros for the channels that x lacks.
template <typename T>
__global__ void subsample(const T* x, T* y, Subsampling s) {
  const std::size_t per_image = static_cast<std::size_t>(s.to_height) * s.to_width * s.to_channels;
  for (std::size_t i = first_element(); i < s.images * per_image; i += element_stride()) {
    const std::size_t image = i / per_image;
    const int channel = static_cast<int>(i % s.to_channels);
    const int column = static_cast<int>(i / s.to_channels % s.to_width);
    const int row = static_cast<int>(i / s.to_channels / s.to_width % s.to_height);
    const std::size_t pixel =
        (image * s.from_height + row * s.stride) * s.from_width + column * s.stride;
    store(&y[i], channel < s.channels ? to_float(x[pixel * s.from_channels + channel]) : 0.0F);
  }
}

template <typename T>
__global__ void subsample_backward(const T* dy, T* dx, Subsampling s) {
  const std::size_t per_image =
      static_cast<std::size_t>(s.from_height) * s.from_width * s.from_channels;
  for (std::size_t i = first_element(); i < s.images * per_image; i += element_stride()) {
    const std::size_t image = i / per_image;
    const int channel = static_cast<int>(i % s.from_channels);
    const int column = static_cast<int>(i / s.from_channels % s.from_width);
    const int row = static_cast<int>(i / s.from_channels / s.from_width % s.from_height);
    const bool taken = channel < s.channels && row % s.stride == 0 && column % s.stride == 0;
    const std::size_t pixel =
        (image * s.to_height + row / s.stride) * s.to_width + column / s.stride;
    store(&dx[i], taken ? to_float(dy[pixel * s.to_channels + channel]) : 0.0F);
  }
}

}  // namespace resnext::net::cuda::kernels
