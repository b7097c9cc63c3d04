#pragma once
// Images into the network's form: normalised, channels innermost, padded with zero channels.

#include "net/cuda/kernels/element.cuh"

namespace resnext::net::cuda::kernels {

struct ImageShape {
  int channels;  ///< of the images
  int padded_channels;
  std::size_t pixels;  ///< of an image
  std::size_t images;
};

/// `from`: (N, C, H, W), normalised.
template <typename T>
__global__ void import_values(const float* from, ImageShape shape, T* to) {
  const std::size_t count = shape.images * shape.pixels;
  for (std::size_t i = first_element(); i < count; i += element_stride()) {
    const std::size_t image = i / shape.pixels, pixel = i % shape.pixels;
    for (int c = 0; c < shape.padded_channels; ++c) {
      const float value =
          c < shape.channels ? from[(image * shape.channels + c) * shape.pixels + pixel] : 0.0F;
      store(&to[i * shape.padded_channels + c], value);
    }
  }
}

/// `from`: (N, H, W, C), intensities; `table`: (C, 256), what each becomes.
template <typename T>
__global__ void import_pixels(const std::uint8_t* from, const float* table, ImageShape shape,
                              T* to) {
  const std::size_t count = shape.images * shape.pixels;
  for (std::size_t i = first_element(); i < count; i += element_stride()) {
    for (int c = 0; c < shape.padded_channels; ++c) {
      const float value = c < shape.channels ? table[c * 256 + from[i * shape.channels + c]] : 0.0F;
      store(&to[i * shape.padded_channels + c], value);
    }
  }
}

}  // namespace resnext::net::cuda::kernels
