#include "cli/instruction_set.h"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

#include <fmt/format.h>

namespace resnext::cli {

std::vector<std::string> available_instruction_sets() {
  std::vector<std::string> names;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw")) {
    names.emplace_back("avx512");
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) names.emplace_back("avx2");
#endif
  names.emplace_back("portable");
  return names;
}

void require_instruction_set(const std::string& name) {
  const std::vector<std::string> available = available_instruction_sets();
  if (std::ranges::find(available, name) != available.end()) return;
  throw std::runtime_error(
      fmt::format("this machine cannot run the instruction set '{}' (RESNEXT_ISA); it has: {}",
                  name, fmt::join(available, ", ")));
}

std::string chosen_instruction_set() {
  const char* forced = std::getenv("RESNEXT_ISA");
  std::string name = forced != nullptr ? forced : available_instruction_sets().front();
  require_instruction_set(name);
  return name;
}

}  // namespace resnext::cli
