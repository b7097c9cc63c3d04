// The vector kernels compiled for portable (flags: net/cpu/CMakeLists.txt).
#define RESNEXT_KERNEL_NAMESPACE portable
#define RESNEXT_KERNEL_NAME "portable"
#include "net/cpu/vector_kernels.h"
#include "net/cpu/vector_kernels_source.h"
