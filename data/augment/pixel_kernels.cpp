#include "data/augment/pixel_kernels.h"

#include <cstdlib>
#include <stdexcept>

#include <fmt/format.h>

namespace resnext::data {

#ifdef RESNEXT_X86_KERNELS
namespace avx512 {
extern const PixelKernels kKernels;
}
namespace avx2 {
extern const PixelKernels kKernels;
}
#endif
namespace portable {
extern const PixelKernels kKernels;
}

std::vector<std::string> available_pixel_kernels() {
  std::vector<std::string> names;
#ifdef RESNEXT_X86_KERNELS
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw")) {
    names.emplace_back("avx512");
  }
  if (__builtin_cpu_supports("avx2")) names.emplace_back("avx2");
#endif
  names.emplace_back("portable");
  return names;
}

const PixelKernels& pixel_kernels(std::string_view name) {
  for (const std::string& available : available_pixel_kernels()) {
    if (available != name) continue;
#ifdef RESNEXT_X86_KERNELS
    if (name == "avx512") return avx512::kKernels;
    if (name == "avx2") return avx2::kKernels;
#endif
    return portable::kKernels;
  }
  throw std::runtime_error(
      fmt::format("this machine cannot run the pixel kernels '{}' (RESNEXT_ISA); it has: {}", name,
                  fmt::join(available_pixel_kernels(), ", ")));
}

const PixelKernels& pixel_kernels() {
  const char* forced = std::getenv("RESNEXT_ISA");
  return pixel_kernels(forced != nullptr ? std::string(forced) : available_pixel_kernels().front());
}

}  // namespace resnext::data
