#define RESNEXT_KERNEL_NAMESPACE portable
#define RESNEXT_KERNEL_NAME "portable"
#define RESNEXT_KERNEL_LANES 4

#include "net/cpu/kernels/kernel_set_source.h"
