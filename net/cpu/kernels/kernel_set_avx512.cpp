#define RESNEXT_KERNEL_NAMESPACE avx512
#define RESNEXT_KERNEL_NAME "avx512"
#define RESNEXT_KERNEL_LANES 16

#include "net/cpu/kernels/kernel_set_source.h"
