// The sample kernels for the host.

#include "tests/cuda_standin/hostcuda.h"
#include "tests/cuda_standin/sample_kernels.cuh"

namespace resnext::standin::sample {

HOST_DYNAMIC_SHARED(double, reversed);

HOST_KERNEL(scale_all<float>);
HOST_KERNEL(scale_all<double>);
HOST_KERNEL_WITH_BARRIERS(sum_rows);
HOST_KERNEL_WITH_BARRIERS(reverse_blocks);
HOST_KERNEL_WITH_BARRIERS(count_positive);
HOST_KERNEL_WITH_BARRIERS(diverge);
HOST_KERNEL_WITH_BARRIERS(read_shared_of_another_block);

}  // namespace resnext::standin::sample
