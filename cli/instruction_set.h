#pragma once
// Which of the instruction sets that kernels are compiled for a program runs.

#include <string>
#include <vector>

namespace resnext::cli {

/// Those that this machine has, best first: "avx512", "avx2", "portable".
std::vector<std::string> available_instruction_sets();

/// The best, or the one that the environment variable RESNEXT_ISA names (for tests and
/// comparisons). Throws std::runtime_error when the machine lacks that.
std::string chosen_instruction_set();

/// Throws std::runtime_error when this machine lacks `name`.
void require_instruction_set(const std::string& name);

}  // namespace resnext::cli
