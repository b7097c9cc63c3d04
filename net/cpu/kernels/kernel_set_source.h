// The kernels of one instruction set. Included by one source file for each, which says what
// vector.h needs and the set's name.

#include "net/cpu/kernels/correlation_source.h"
#include "net/cpu/kernels/elementwise_source.h"
#include "net/cpu/kernels/kernel_gradient_source.h"
#include "net/cpu/kernels/kernel_table.h"
#include "net/cpu/kernels/peak_source.h"
#include "net/cpu/kernels/pooling_source.h"

namespace resnext::net::cpu::RESNEXT_KERNEL_NAMESPACE {

extern const KernelSet kKernels;
const KernelSet kKernels = {RESNEXT_KERNEL_NAME,
                            kLanes,
                            {0, tile_pixels(1), tile_pixels(2), tile_pixels(3)},
                            correlate,
                            kernel_gradient,
                            matrix_gradient,
                            join,
                            moments,
                            reduce_gradient,
                            max_pool,
                            max_pool_gradient,
                            multiply_adds};

}  // namespace resnext::net::cpu::RESNEXT_KERNEL_NAMESPACE
