#include "data/augment/pixel_kernels.h"

#include "cli/instruction_set.h"

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

const PixelKernels& pixel_kernels(const std::string& name) {
  cli::require_instruction_set(name);
#ifdef RESNEXT_X86_KERNELS
  if (name == "avx512") return avx512::kKernels;
  if (name == "avx2") return avx2::kKernels;
#endif
  return portable::kKernels;
}

const PixelKernels& pixel_kernels() {
  return pixel_kernels(cli::chosen_instruction_set());
}

}  // namespace resnext::data
