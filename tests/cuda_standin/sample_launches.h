#pragma once
// Launches of the sample kernels.

#include <cuda_runtime_api.h>

namespace resnext::standin::sample {

void launch_scale(float* values, float factor, long count, cudaStream_t stream);
void launch_scale(double* values, double factor, long count, cudaStream_t stream);
void launch_sum_rows(const float* values, float* sums, int rows, int columns, cudaStream_t stream);
void launch_reverse(double* values, int blocks, int block_size, cudaStream_t stream);
void launch_count_positive(const int* values, int* count, int size, cudaStream_t stream);
void launch_diverge(int* values, cudaStream_t stream);
void launch_read_shared_of_another_block(float* values, cudaStream_t stream);

}  // namespace resnext::standin::sample
