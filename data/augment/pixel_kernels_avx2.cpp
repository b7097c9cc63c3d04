// The pixel kernels compiled for avx2 (flags: data/CMakeLists.txt).
#define RESNEXT_KERNEL_NAMESPACE avx2
#define RESNEXT_KERNEL_NAME "avx2"
#include "data/augment/pixel_kernels.h"
#include "data/augment/pixel_kernels_source.h"
