#include "net/cuda/kernels/activations.cuh"
#include "net/cuda/kernels/images.cuh"
#include "net/cuda/kernels/launch.h"
#include "net/cuda/kernels/launch_grid.cuh"
#include "net/cuda/weight_layout.h"

namespace resnext::net::cuda {
namespace {

using kernels::Bf16;

/// Calls `launch` with a null pointer of the element type.
template <typename Launch>
void with_type(DataType type, const char* kernel, const Launch& launch) {
  if (type == DataType::kBf16) {
    launch(static_cast<Bf16*>(nullptr));
  } else {
    launch(static_cast<float*>(nullptr));
  }
  check_launch(kernel);
}

template <typename T>
T* as(void* memory, T*) {
  return static_cast<T*>(memory);
}
template <typename T>
const T* as(const void* memory, T*) {
  return static_cast<const T*>(memory);
}

kernels::ImageShape image_shape(const ImportShape& shape) {
  const std::size_t pixels = std::size_t(shape.image.height) * shape.image.width;
  return {shape.image.channels, padded_channels(shape.image.channels), pixels,
          std::size_t(shape.images)};
}

template <typename T>
kernels::BranchOf<T> typed(const BranchPointers& branch) {
  return {static_cast<const T*>(branch.from), branch.scale, branch.bias, branch.mean,
          branch.variance};
}

kernels::PoolShape pool_shape(const AveragePoolStep& step, int images) {
  return {step.image.channels, step.image.height, step.image.width, step.window,
          std::size_t(images)};
}

}  // namespace

void import_values(const float* from, const ImportShape& shape, DataType type, void* to,
                   cudaStream_t stream) {
  const kernels::ImageShape images = image_shape(shape);
  with_type(type, "import_values", [&](auto* t) {
    kernels::import_values<<<blocks_for(images.images * images.pixels), kThreads, 0, stream>>>(
        from, images, as(to, t));
  });
}

void import_pixels(const std::uint8_t* from, const float* table, const ImportShape& shape,
                   DataType type, void* to, cudaStream_t stream) {
  const kernels::ImageShape images = image_shape(shape);
  with_type(type, "import_pixels", [&](auto* t) {
    kernels::import_pixels<<<blocks_for(images.images * images.pixels), kThreads, 0, stream>>>(
        from, table, images, as(to, t));
  });
}

void combine(const BranchPointers& first, const BranchPointers& second, const CombineStep& step,
             DataType type, void* to, cudaStream_t stream) {
  with_type(type, "combine", [&](auto* t) {
    using T = std::remove_pointer_t<decltype(t)>;
    kernels::combine<T><<<blocks_for(step.values / kernels::kPack), kThreads, 0, stream>>>(
        typed<T>(first), typed<T>(second), as(to, t), step.relu, kBatchNormEpsilon, step.channels,
        step.values);
  });
}

void relu_backward(const void* dy, const void* y, void* dx, std::size_t values, DataType type,
                   cudaStream_t stream) {
  with_type(type, "relu_backward", [&](auto* t) {
    kernels::relu_backward<<<blocks_for(values / kernels::kPack), kThreads, 0, stream>>>(
        as(dy, t), as(y, t), as(dx, t), values);
  });
}

void average_pool(const AveragePoolStep& step, int images, DataType type, void* x, void* y,
                  cudaStream_t stream) {
  const kernels::PoolShape shape = pool_shape(step, images);
  with_type(type, "average_pool", [&](auto* t) {
    using T = std::remove_pointer_t<decltype(t)>;
    if (step.backward) {
      kernels::average_pool_backward<T>
          <<<blocks_for(step.image.count() * shape.images), kThreads, 0, stream>>>(as(y, t),
                                                                                   as(x, t), shape);
    } else {
      const std::size_t sums = std::size_t(step.image.channels) * shape.images;
      kernels::average_pool<T>
          <<<blocks_for(sums), kThreads, 0, stream>>>(as(x, t), as(y, t), shape);
    }
  });
}

void copy_channels(const CopyChannelsStep& step, DataType type, const void* from, void* to,
                   cudaStream_t stream) {
  const kernels::ChannelCopy copy{step.pixels,       step.from_pitch, step.to_pitch,
                                  step.from_channel, step.to_channel, step.channels,
                                  step.clear_to};
  const std::size_t values = step.pixels * std::size_t(step.clear_to - step.to_channel);
  with_type(type, "copy_channels", [&](auto* t) {
    kernels::copy_channels<<<blocks_for(values), kThreads, 0, stream>>>(as(from, t), as(to, t),
                                                                        copy);
  });
}

void subsample(const SubsampleStep& step, int images, DataType type, void* x, void* y,
               cudaStream_t stream) {
  const kernels::Subsampling shape{std::size_t(images), step.channels,   step.from.channels,
                                   step.from.height,    step.from.width, step.to.channels,
                                   step.to.height,      step.to.width,   step.stride};
  with_type(type, "subsample", [&](auto* t) {
    using T = std::remove_pointer_t<decltype(t)>;
    if (step.backward) {
      kernels::subsample_backward<T>
          <<<blocks_for(step.from.count() * shape.images), kThreads, 0, stream>>>(as(y, t),
                                                                                  as(x, t), shape);
    } else {
      kernels::subsample<T><<<blocks_for(step.to.count() * shape.images), kThreads, 0, stream>>>(
          as(x, t), as(y, t), shape);
    }
  });
}

}  // namespace resnext::net::cuda
