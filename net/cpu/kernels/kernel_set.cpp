#include "net/cpu/kernels/kernel_set.h"

#include <cstdlib>
#include <stdexcept>

#include <fmt/format.h>

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

std::vector<std::string> available_kernel_sets() {
  std::vector<std::string> names;
#ifdef RESNEXT_X86_KERNELS
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw")) {
    names.emplace_back("avx512");
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) names.emplace_back("avx2");
#endif
  names.emplace_back("portable");
  return names;
}

const KernelSet& kernel_set(std::string_view name) {
  for (const std::string& available : available_kernel_sets()) {
    if (available != name) continue;
#ifdef RESNEXT_X86_KERNELS
    if (name == "avx512") return avx512::kKernels;
    if (name == "avx2") return avx2::kKernels;
#endif
    return portable::kKernels;
  }
  throw std::runtime_error(
      fmt::format("this machine cannot run the kernels '{}' (RESNEXT_ISA); it has: {}", name,
                  fmt::join(available_kernel_sets(), ", ")));
}

const KernelSet& kernel_set() {
  const char* forced = std::getenv("RESNEXT_ISA");
  return kernel_set(forced != nullptr ? std::string(forced) : available_kernel_sets().front());
}

}  // namespace resnext::net::cpu
