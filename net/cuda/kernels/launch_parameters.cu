#include "net/cuda/kernels/launch.h"
#include "net/cuda/kernels/launch_grid.cuh"
#include "net/cuda/kernels/parameters.cuh"

namespace resnext::net::cuda {

void pack_parameters(const float* arena, const kernels::ParameterEntry* entries, int count,
                     ArenaRange range, cudaStream_t stream) {
  if (range.first == range.last) return;
  kernels::pack_parameters<<<blocks_for(range.last - range.first), kThreads, 0, stream>>>(
      arena, entries, count, range.first, range.last);
  check_launch("pack_parameters");
}

void export_gradients(const kernels::ParameterEntry* entries, int count, float* arena,
                      ArenaRange range, cudaStream_t stream) {
  if (range.first == range.last) return;
  kernels::export_gradients<<<blocks_for(range.last - range.first), kThreads, 0, stream>>>(
      entries, count, arena, range.first, range.last);
  check_launch("export_gradients");
}

void add_values(float* to, const float* from, std::size_t count, cudaStream_t stream) {
  if (count == 0) return;
  kernels::add_values<<<blocks_for(count), kThreads, 0, stream>>>(to, from, count);
  check_launch("add_values");
}

void sum_parts(const float* from, int parts, std::size_t pitch, float* to, std::size_t count,
               cudaStream_t stream) {
  if (count == 0) return;
  kernels::sum_parts<<<blocks_for(count), kThreads, 0, stream>>>(from, parts, pitch, to, count);
  check_launch("sum_parts");
}

void sgd_update(const SgdOptions& options, float learning_rate, const float* gradients,
                const float* factor, float* momentum, float* parameters, std::size_t count,
                cudaStream_t stream) {
  if (count == 0) return;
  const kernels::SgdRule rule{learning_rate, options.momentum, options.weight_decay,
                              options.nesterov};
  kernels::update<<<blocks_for(count), kThreads, 0, stream>>>(rule, gradients, factor, momentum,
                                                              parameters, count);
  check_launch("update");
}

void block_squares(const float* values, std::size_t count, int block, double* squares,
                   cudaStream_t stream) {
  if (count == 0) return;
  const std::size_t blocks = (count + block - 1) / block;
  kernels::block_squares<<<blocks_for(blocks), kThreads, 0, stream>>>(values, count, block,
                                                                      squares);
  check_launch("block_squares");
}

void clipping_factor(const double* squares, std::size_t blocks, double limit, double* norm,
                     float* factor, cudaStream_t stream) {
  kernels::clipping_factor<<<1, 1, 0, stream>>>(squares, blocks, limit, norm, factor);
  check_launch("clipping_factor");
}

}  // namespace resnext::net::cuda
