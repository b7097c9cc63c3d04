// The production kernels for the host, registered under the names that nvcc launches.

// clang-format off
#include "tests/cuda_standin/hostcuda.h"
// Behind it, not in alphabetical order: kernels need its definitions.
#include "net/cuda/kernels/activations.cuh"
#include "net/cuda/kernels/classifier.cuh"
#include "net/cuda/kernels/images.cuh"
#include "net/cuda/kernels/parameters.cuh"
// clang-format on

namespace resnext::net::cuda::kernels {

HOST_KERNEL(combine<float>);
HOST_KERNEL(combine<Bf16>);
HOST_KERNEL(relu_backward<float>);
HOST_KERNEL(relu_backward<Bf16>);
HOST_KERNEL(average_pool<float>);
HOST_KERNEL(average_pool<Bf16>);
HOST_KERNEL(average_pool_backward<float>);
HOST_KERNEL(average_pool_backward<Bf16>);
HOST_KERNEL(copy_channels<float>);
HOST_KERNEL(copy_channels<Bf16>);
HOST_KERNEL(subsample<float>);
HOST_KERNEL(subsample<Bf16>);
HOST_KERNEL(subsample_backward<float>);
HOST_KERNEL(subsample_backward<Bf16>);

HOST_KERNEL(add_bias<float>);
HOST_KERNEL(add_bias<Bf16>);
HOST_KERNEL(bias_gradient<float>);
HOST_KERNEL(bias_gradient<Bf16>);
HOST_KERNEL_WITH_BARRIERS(softmax_cross_entropy<float, float>);
HOST_KERNEL_WITH_BARRIERS(softmax_cross_entropy<float, Bf16>);
HOST_KERNEL_WITH_BARRIERS(softmax_cross_entropy<Bf16, float>);
HOST_KERNEL_WITH_BARRIERS(softmax_cross_entropy<Bf16, Bf16>);

HOST_KERNEL(import_values<float>);
HOST_KERNEL(import_values<Bf16>);
HOST_KERNEL(import_pixels<float>);
HOST_KERNEL(import_pixels<Bf16>);

HOST_KERNEL(pack_parameters);
HOST_KERNEL(export_gradients);
HOST_KERNEL(add_values);
HOST_KERNEL(sum_parts);
HOST_KERNEL(update);
HOST_KERNEL(block_squares);
HOST_KERNEL(clipping_factor);

}  // namespace resnext::net::cuda::kernels
