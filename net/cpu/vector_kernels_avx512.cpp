// The vector kernels compiled for avx512 (flags: net/cpu/CMakeLists.txt).
#define RESNEXT_KERNEL_NAMESPACE avx512
#define RESNEXT_KERNEL_NAME "avx512"
#include "net/cpu/vector_kernels.h"
#include "net/cpu/vector_kernels_source.h"
