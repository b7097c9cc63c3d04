#include "tests/cuda_standin/sample_kernels.cuh"
#include "tests/cuda_standin/sample_launches.h"

namespace resnext::standin::sample {

void launch_scale(float* values, float factor, long count, cudaStream_t stream) {
  scale_all<float><<<3, 64, 0, stream>>>(values, factor, count);
}

void launch_scale(double* values, double factor, long count, cudaStream_t stream) {
  scale_all<double><<<3, 64, 0, stream>>>(values, factor, count);
}

void launch_sum_rows(const float* values, float* sums, int rows, int columns, cudaStream_t stream) {
  sum_rows<<<rows, 128, 0, stream>>>(values, sums, columns);
}

void launch_reverse(double* values, int blocks, int block_size, cudaStream_t stream) {
  reverse_blocks<<<blocks, block_size, block_size * sizeof(double), stream>>>(values);
}

void launch_count_positive(const int* values, int* count, int size, cudaStream_t stream) {
  count_positive<<<(size + 63) / 64, 64, 0, stream>>>(values, count, size);
}

void launch_diverge(int* values, cudaStream_t stream) {
  diverge<<<1, 64, 0, stream>>>(values);
}

void launch_read_shared_of_another_block(float* values, cudaStream_t stream) {
  read_shared_of_another_block<<<2, 32, 0, stream>>>(values);
}

}  // namespace resnext::standin::sample
