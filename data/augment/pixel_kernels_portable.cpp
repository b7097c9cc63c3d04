// The pixel kernels compiled for portable (flags: data/CMakeLists.txt).
#define RESNEXT_KERNEL_NAMESPACE portable
#define RESNEXT_KERNEL_NAME "portable"
#include "data/augment/pixel_kernels.h"
#include "data/augment/pixel_kernels_source.h"
