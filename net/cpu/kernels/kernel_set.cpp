#include "net/cpu/kernels/kernel_set.h"

#include "cli/instruction_set.h"

namespace resnext::net::cpu {

#ifdef RESNEXT_X86_KERNELS
namespace avx512 {
extern const KernelSet kKernels;
}
namespace avx2 {
extern const KernelSet kKernels;
}
#endif
namespace portable {
extern const KernelSet kKernels;
}

const KernelSet& kernel_set(const std::string& name) {
  cli::require_instruction_set(name);
#ifdef RESNEXT_X86_KERNELS
  if (name == "avx512") return avx512::kKernels;
  if (name == "avx2") return avx2::kKernels;
#endif
  return portable::kKernels;
}

const KernelSet& kernel_set() {
  return kernel_set(cli::chosen_instruction_set());
}

}  // namespace resnext::net::cpu
