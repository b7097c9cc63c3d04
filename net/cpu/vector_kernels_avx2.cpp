// The vector kernels compiled for avx2 (flags: net/cpu/CMakeLists.txt).
#define RESNEXT_KERNEL_NAMESPACE avx2
#define RESNEXT_KERNEL_NAME "avx2"
#include "net/cpu/vector_kernels.h"
#include "net/cpu/vector_kernels_source.h"
