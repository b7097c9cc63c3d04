#pragma once
// Kernels of the tests of the stand-ins, for nvcc and for the host.

namespace resnext::standin::sample {

template <typename Value>
__global__ void scale_all(Value* values, Value factor, long count) {
  for (long i = blockIdx.x * long(blockDim.x) + threadIdx.x; i < count;
       i += long(gridDim.x) * blockDim.x) {
    values[i] *= factor;
  }
}

__device__ inline float warp_sum(float x) {
  for (int offset = 16; offset > 0; offset /= 2) x += __shfl_xor_sync(0xffffffffU, x, offset);
  return x;
}

/// One block a row of `columns`: its sum, through shared memory.
__global__ void sum_rows(const float* values, float* sums, int columns) {
  __shared__ float of_warp[32];
  float sum = 0;
  for (int i = int(threadIdx.x); i < columns; i += int(blockDim.x)) {
    sum += values[long(blockIdx.x) * columns + i];
  }
  sum = warp_sum(sum);
  if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x != 0) return;
  float whole = 0;
  for (unsigned i = 0; i < blockDim.x / 32; ++i) whole += of_warp[i];
  sums[blockIdx.x] = whole;
}

/// Reverses each block's values in dynamic shared memory.
__global__ void reverse_blocks(double* values) {
  extern __shared__ double reversed[];
  double* block = values + long(blockIdx.x) * blockDim.x;
  reversed[blockDim.x - 1 - threadIdx.x] = block[threadIdx.x];
  __syncthreads();
  block[threadIdx.x] = reversed[threadIdx.x];
}

/// Adds up in one counter, and halves by shuffling down.
__global__ void count_positive(const int* values, int* count, int size) {
  const int i = int(blockIdx.x * blockDim.x + threadIdx.x);
  int positive = i < size && values[i] > 0 ? 1 : 0;
  for (unsigned delta = 16; delta > 0; delta /= 2) {
    positive += __shfl_down_sync(0xffffffffU, positive, delta);
  }
  if (threadIdx.x % 32 == 0) atomicAdd(count, positive);
}

/// Wrong: lanes of a warp wait for each other at different barriers.
__global__ void diverge(int* values) {
  if (threadIdx.x % 2 == 0) {
    __syncthreads();
  } else {
    values[threadIdx.x] = __shfl_xor_sync(0xffffffffU, 1, 1);
  }
}

/// Wrong: reads shared memory that only the first block has written.
__global__ void read_shared_of_another_block(float* values) {
  __shared__ float left;
  if (blockIdx.x == 0 && threadIdx.x == 0) left = 5;
  __syncthreads();
  values[blockIdx.x * blockDim.x + threadIdx.x] = left;
}

}  // namespace resnext::standin::sample
