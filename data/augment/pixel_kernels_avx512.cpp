// The pixel kernels compiled for avx512 (flags: data/CMakeLists.txt).
#define RESNEXT_KERNEL_NAMESPACE avx512
#define RESNEXT_KERNEL_NAME "avx512"
#include "data/augment/pixel_kernels.h"
#include "data/augment/pixel_kernels_source.h"
