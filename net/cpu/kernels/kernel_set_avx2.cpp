#define RESNEXT_KERNEL_NAMESPACE avx2
#define RESNEXT_KERNEL_NAME "avx2"
#define RESNEXT_KERNEL_LANES 8

#include "net/cpu/kernels/kernel_set_source.h"
