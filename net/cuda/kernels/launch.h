#pragma once
// Launches of our own kernels, for code that nvcc does not compile. All are asynchronous on their
// stream; pointers are the device's. Errors are those of the launch, as std::runtime_error.

#include <cstddef>
#include <cstdint>

#include <cuda_runtime_api.h>

#include "net/cuda/device_program.h"
#include "net/sgd_options.h"

namespace resnext::net::cuda {

namespace kernels {
struct ParameterEntry;
struct RowMetrics;
struct BatchHeader;
}  // namespace kernels

struct ImportShape {
  int images = 0;
  Shape image;
};
void import_values(const float* from, const ImportShape& shape, DataType type, void* to,
                   cudaStream_t stream);
void import_pixels(const std::uint8_t* from, const float* table, const ImportShape& shape,
                   DataType type, void* to, cudaStream_t stream);

/// A Branch, in memory; `scale` null where it is not normalised.
struct BranchPointers {
  const void* from = nullptr;
  const float *scale = nullptr, *bias = nullptr, *mean = nullptr, *variance = nullptr;
};
void combine(const BranchPointers& first, const BranchPointers& second, const CombineStep& step,
             DataType type, void* to, cudaStream_t stream);
void relu_backward(const void* dy, const void* y, void* dx, std::size_t values, DataType type,
                   cudaStream_t stream);
/// x to y, or backward the gradient of y to that of x.
void average_pool(const AveragePoolStep& step, int images, DataType type, void* x, void* y,
                  cudaStream_t stream);
void copy_channels(const CopyChannelsStep& step, DataType type, const void* from, void* to,
                   cudaStream_t stream);
void subsample(const SubsampleStep& step, int images, DataType type, void* x, void* y,
               cudaStream_t stream);
void bias(const BiasStep& step, int images, void* logits, float* bias, cudaStream_t stream);

/// Buffers of a softmax; `gradient` null in evaluation.
struct SoftmaxPointers {
  const void* logits = nullptr;
  const std::int32_t* labels = nullptr;
  const kernels::BatchHeader* header = nullptr;
  kernels::RowMetrics* metrics = nullptr;
  void* gradient = nullptr;
};
void softmax_cross_entropy(const SoftmaxStep& step, int images, const SoftmaxPointers& pointers,
                           cudaStream_t stream);

/// Arena values [first, last).
struct ArenaRange {
  std::size_t first = 0, last = 0;
};
void pack_parameters(const float* arena, const kernels::ParameterEntry* entries, int count,
                     ArenaRange range, cudaStream_t stream);
void export_gradients(const kernels::ParameterEntry* entries, int count, float* arena,
                      ArenaRange range, cudaStream_t stream);
void add_values(float* to, const float* from, std::size_t count, cudaStream_t stream);
void sum_parts(const float* from, int parts, std::size_t pitch, float* to, std::size_t count,
               cudaStream_t stream);
void sgd_update(const SgdOptions& options, float learning_rate, const float* gradients,
                const float* factor, float* momentum, float* parameters, std::size_t count,
                cudaStream_t stream);
void block_squares(const float* values, std::size_t count, int block, double* squares,
                   cudaStream_t stream);
void clipping_factor(const double* squares, std::size_t blocks, double limit, double* norm,
                     float* factor, cudaStream_t stream);

}  // namespace resnext::net::cuda
