#pragma once
// The inner loops of the CPU engine, compiled from one source for several instruction sets; the
// best is chosen at run time.

#include <string>

#include "net/cpu/kernels/kernel_table.h"

namespace resnext::net::cpu {

/// The kernels for this machine, or those named by the environment variable RESNEXT_ISA (for tests
/// and comparisons). Throws std::runtime_error when that names a set this machine lacks.
const KernelSet& kernel_set();

/// The kernels of one instruction set: "avx512", "avx2" or "portable".
const KernelSet& kernel_set(const std::string& name);

}  // namespace resnext::net::cpu
